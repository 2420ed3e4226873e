"""Who to call now: leads in the order of what is to be done."""
