"""Names that no other test has: all of them share one broker, one store and one system."""

from __future__ import annotations

from uuid import uuid4


def drawn(word: str = "t") -> str:
    """A name that begins with the word; fit for topics and databases when the word is."""
    return f"{word}{uuid4().hex[:12]}"
