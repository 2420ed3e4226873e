"""What is asked of the calendars of reps."""

from __future__ import annotations

from typing import Literal

from pydantic import (
    Field,
    StrictBool,
    field_validator,
)

from shared.commands.followup import PersonId
from shared.events.leads import Zone
from shared.fields import Body, known_zone, like


class OpenCalendar(Body):
    """A rep wants their steps in the calendar they use."""

    model_config = like(rep="marta", zone="Europe/Madrid", language="es")

    rep: PersonId | None = Field(None, description="Whose steps; a rep's own key needs not say it.")
    zone: Zone = "UTC"
    language: Literal["en", "es"] = "en"
    names: StrictBool = Field(
        False,
        description="Whether leads are named. Who has the link, as the calendar's provider, reads along.",
    )

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, zone: str) -> str:
        return known_zone(zone)
