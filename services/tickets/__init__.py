"""Tickets: what leads and customers ask and complain about."""
