"""What is promised of a ticket, and whether it is kept: reckoned from its history, a policy and a calendar. Pure."""
