"""Answers that are computed from the ledger, in a process of their own."""
