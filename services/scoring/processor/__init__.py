"""A batch of records in, records out: decode, fold, timers, promotion, encode. It loads no broker's client."""
