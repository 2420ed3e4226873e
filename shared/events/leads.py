"""Facts told by the leads service. Names, addresses and numbers stay in its documents."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.events.base import Event, Slug


class Channel(StrEnum):
    """How a lead reached us."""

    WEB = "web"
    CHAT = "chat"
    SOCIAL = "social"
    STORE = "store"
    PHONE = "phone"


class Stage(StrEnum):
    """How far an open lead has come."""

    NEW = "new"
    CONTACTED = "contacted"
    QUALIFIED = "qualified"
    PROPOSAL = "proposal"
    NEGOTIATION = "negotiation"


Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$")]
"""A time zone by its IANA name: `Europe/Madrid`."""


class Money(BaseModel):
    """An exact amount: `minor` units (cents) of an ISO 4217 currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minor: Annotated[int, Field(strict=True, ge=0, le=10**15)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"


class LeadEvent(Event):
    topic: ClassVar[str] = "leads"
    source: ClassVar[str] = "/ascua/leads"

    @property
    def aggregate(self) -> str:
        return f"lead:{self.lead_id}"


class LeadCaptured(LeadEvent, type="ascua.lead.captured", version=1):
    """Someone left their details with us; the details themselves stay with leads."""

    channel: Channel
    stage: Stage = Stage.NEW
    origin: Slug | None = None
    """Where the channel had them from: `google`, `referral`, `fair_madrid`."""
    campaign: Slug | None = None
    acquisition_cost: Money | None = None
    segment: Slug | None = None
    tier: Slug | None = None
    """Of the account: `key`."""
    zone: Zone | None = None
    """Where their clock is."""


class LeadStageChanged(LeadEvent, type="ascua.lead.stage_changed", version=1):
    """An open lead came further, or fell back."""

    stage: Stage
    previous: Stage


class LeadOffered(LeadEvent, type="ascua.lead.offered", version=1):
    """An offer went out; the lead is at the proposal stage, or stays where it was if that is further."""

    value: Money | None = None


class LeadWon(LeadEvent, type="ascua.lead.won", version=1):
    """The lead became a customer."""

    value: Money | None = None


class LeadLost(LeadEvent, type="ascua.lead.lost", version=1):
    """The lead is closed without a sale."""

    reason: Slug
