"""The 360 view of a lead: its fold and its store."""
