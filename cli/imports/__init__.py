"""History from a file: every row becomes one fact, or a line in the rejects that says why not."""
