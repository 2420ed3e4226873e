"""The boards, a package each."""
