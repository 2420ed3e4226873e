"""Ids that are made of what they are for."""

from __future__ import annotations

import uuid

_NAMESPACE = uuid.UUID("6a3c1f0e-6f1b-5d0e-9c59-3b1f5b0c9d11")


def derived_id(*words: str) -> str:
    """An id that is the same whenever it is made from the same words (UUIDv5)."""
    return str(uuid.uuid5(_NAMESPACE, "\n".join(words)))
