"""What a lead is and may become. Pure."""
