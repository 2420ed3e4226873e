"""The gateway: the one public door, and everything about a lead in one view."""
