"""What comes in bulk: signals and imports."""
