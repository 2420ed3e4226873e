"""Facts told by the leads service. Names, addresses and numbers stay in its documents."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.events.base import Event, LeadId, Slug
from shared.events.signals import Word


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

    def at_least(self, stage: Stage) -> Stage:
        """The further one of both."""
        return max(self, stage, key=list(Stage).index)


Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$")]
"""A time zone by its IANA name: `Europe/Madrid`."""


class Money(BaseModel):
    """An exact amount: `minor` units (cents) of an ISO 4217 currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minor: Annotated[int, Field(strict=True, ge=0, le=10**15)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "EUR"


class ConsentBasis(StrEnum):
    """Why we may hold what concerns the person (Art. 6 GDPR)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGITIMATE_INTEREST = "legitimate_interest"


Qualities = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")], Word], Field(max_length=32)
]
"""What a lead is, in words: `{"budget": "confirmed", "segment": "target"}`."""


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
    stage: Stage | None = None
    """The stage it leads to."""

    def stage_after(self, before: Stage) -> Stage:
        """The stage of the lead after it; of an offer from before it was told, the proposal's at least."""
        return self.stage or before.at_least(Stage.PROPOSAL)


class LeadWon(LeadEvent, type="ascua.lead.won", version=1):
    """The lead became a customer."""

    value: Money | None = None


class LeadLost(LeadEvent, type="ascua.lead.lost", version=1):
    """The lead is closed without a sale."""

    reason: Slug


class LeadQualified(LeadEvent, type="ascua.lead.qualified", version=1):
    """What the lead is, as far as it is known now; it replaces all that was known before."""

    attributes: Qualities = Field(default_factory=dict)
    consent: ConsentBasis | None = None
    """The basis for those attributes that concern the person; without one there are none of these."""
    segment: Word | None = None
    """The one it is in by now, whether this said so or its capture."""
    tier: Word | None = None
    """Likewise."""

    def segment_after(self, before: str | None) -> str | None:
        """The segment of the lead after it; of one from before it was told, what its attributes say, if they do."""
        return self.segment or self.attributes.get("segment", before)

    def tier_after(self, before: str | None) -> str | None:
        return self.tier or self.attributes.get("tier", before)


class LeadsMerged(LeadEvent, type="ascua.lead.merged", version=1):
    """Two leads were one: told of the survivor, which names the one it `absorbed`, then of that one."""

    absorbed: LeadId | None = None
    survivor: LeadId | None = None
    turn: Annotated[int, Field(ge=1)]
    """Counts the merges and splits of the survivor. Of two about the same pair the one with the higher turn holds."""


class LeadSplit(LeadEvent, type="ascua.lead.split", version=1):
    """They were not: told of the survivor, which names the lead it `absorbed` before, then of that one."""

    absorbed: LeadId | None = None
    survivor: LeadId | None = None
    turn: Annotated[int, Field(ge=1)]
