"""What is asked of the quick log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
)

from shared.clock import from_number
from shared.events.base import Instant
from shared.events.leads import Zone
from shared.fields import Body, known_zone, like


class ReadLine(Body):
    """A line about what was done, to be read into an activity. It is looked at and forgotten."""

    model_config = like(line="llamé, no contesta, mañana 10am", zone="Europe/Madrid")

    line: Annotated[str, StringConstraints(max_length=500)]
    zone: Zone = "UTC"
    language: Literal["en", "es"] | None = Field(None, description="What the writer speaks, if it is known.")
    at: Annotated[Instant, BeforeValidator(from_number)] | None = Field(
        None, description="When it was written; now, if absent."
    )

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return known_zone(zone)
