"""Is follow-up really done, and what did it cost where it was not? Computed from events, never self-reported."""
