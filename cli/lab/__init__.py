"""Rules on trial: what other rules would have said of the log, and rules learned from how its leads ended."""
