"""What channels tell of a lead."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    Field,
    StrictBool,
    StringConstraints,
)

from shared.events.base import LeadId
from shared.events.signals import SignalKind
from shared.fields import WHEN, Body, Time, Words, like


class SendSignal(Body):
    """What a lead did on a channel."""

    model_config = like(lead_id="ana", kind="page_viewed", attributes={"page": "pricing"})

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")] | None = Field(
        None, description="Yours, to send it twice without counting twice; made for you, if absent."
    )
    lead_id: LeadId
    kind: SignalKind
    at: Time | None = Field(None, description=WHEN, examples=["2026-11-21T09:30:00Z"])
    attributes: Words = Field(default_factory=dict)
    user_agent: Annotated[str, StringConstraints(max_length=1_000)] | None = Field(
        None,
        description="Of the program that opened, clicked or viewed. Machines are known by it; it is not kept.",
    )
    prefetch: StrictBool = Field(
        False, description="It was fetched ahead of a person (`Sec-Purpose: prefetch`)."
    )
