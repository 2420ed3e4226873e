"""A batch of records in, what is to be told out: decode, fold, timers, promotion, encode. Knows no broker."""
