"""What a ticket is and may become. Pure."""
