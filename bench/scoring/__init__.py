"""Scoring beside its peers, and what its worker costs."""
