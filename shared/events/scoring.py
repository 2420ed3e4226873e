"""What scoring tells: heat, and the moments when it crosses from one band into another."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.events.base import Event, Slug


class Band(StrEnum):
    COLD = "cold"
    WARM = "warm"
    HOT = "hot"


class RiskBand(StrEnum):
    OK = "ok"
    AT_RISK = "at_risk"


RulesVersion = Annotated[str, StringConstraints(pattern=r"^[0-9a-z:]{1,80}$")]
"""The content hash of the rules in force."""


Parts = tuple[tuple[Annotated[float, Field(gt=0)], float], ...]
"""Pairs of half-life in seconds and points."""


class Risk(BaseModel):
    """How likely a customer is to leave, read and decayed as heat is."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    points: float
    band: RiskBand
    parts: Parts = ()
    base: float | None = None


class HeatChanged(Event, type="ascua.heat.changed", version=1):
    """A lead's heat at the instant of the event, and what a reader needs to decay it from there.

    `parts` are pairs of half-life in seconds and points: heat at a later instant is `base` and the sum of
    points x 2^(-seconds since / half-life), until the next of these events says otherwise. `risk` is told of customers.
    """

    topic: ClassVar[str] = "heat"
    source: ClassVar[str] = "/ascua/scoring"

    heat: float
    band: Band
    rules: RulesVersion
    parts: Parts = ()
    base: float | None = None
    """Points that do not fade, if there are any."""
    risk: Risk | None = None

    @property
    def aggregate(self) -> str:
        return f"heat:{self.lead_id}"


class CrossingEvent(Event):
    topic: ClassVar[str] = "scoring"
    source: ClassVar[str] = "/ascua/scoring"

    scorecard: Slug = "heat"
    episode: Annotated[int, Field(ge=1)]
    heat: float
    rules: RulesVersion

    @property
    def aggregate(self) -> str:
        return f"crossing:{self.lead_id}"


class LeadWentHot(CrossingEvent, type="ascua.lead.went_hot", version=1):
    """Heat rose into the hot band."""


class LeadWarmed(CrossingEvent, type="ascua.lead.warmed", version=1):
    """Heat rose from cold into the warm band."""


class LeadCooled(CrossingEvent, type="ascua.lead.cooled", version=1):
    """Heat fell into a lower band."""

    band: Band


class RiskEvent(CrossingEvent):
    scorecard: Slug = "risk"

    @property
    def aggregate(self) -> str:
        return f"risk:{self.lead_id}"


class CustomerAtRisk(RiskEvent, type="ascua.customer.at_risk", version=1):
    """Risk rose into the band where somebody should look after the customer."""


class CustomerRecovered(RiskEvent, type="ascua.customer.recovered", version=1):
    """Risk fell out of it again."""
