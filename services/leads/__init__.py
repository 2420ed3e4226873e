"""Leads: who reached us, how, and how far they have come."""
