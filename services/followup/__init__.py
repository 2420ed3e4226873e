"""Follow-up: what was done for a lead, and the one thing to do next."""
