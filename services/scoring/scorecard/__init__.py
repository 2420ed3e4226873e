"""Heat as a pure function of the set of facts, the rules and the instant. Nothing here does I/O."""
