"""What every command has."""

from __future__ import annotations

from pydantic import (
    Field,
)

from shared.fields import WHEN, Body, Time


class Command(Body):
    """A request to change something."""

    at: Time | None = Field(None, description=WHEN, examples=["2026-11-21T09:30:00Z"])
