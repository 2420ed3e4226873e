"""What followup decides: business time, playbooks, and the follow-up of a lead. Pure."""
