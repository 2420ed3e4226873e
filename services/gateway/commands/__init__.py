"""What is passed on to the service that owns it: one table of routes."""
