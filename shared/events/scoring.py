"""What scoring tells: heat, and the moments when it crosses from one band into another."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


class Group(BaseModel):
    """Points that are held together. Without a `cap` nothing holds them."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    parts: Parts = ()
    cap: Annotated[float, Field(ge=0)] | None = None
    """The sum counts for no more than this, up or down."""
    within: Annotated[int, Field(ge=0)] | None = None
    """The place, from 0, of the later group that this one counts in; without it, it counts in the whole."""


Groups = tuple[Group, ...]


def decayed(base: float | None, parts: Parts, groups: Groups | None, seconds: float) -> float:
    """Points `seconds` after they were told, as `HeatChanged` says it; an instant before is read as that one."""
    elapsed = max(0.0, seconds)
    if not groups:
        return max(0.0, (base or 0.0) + _faded(parts, elapsed))
    sums = [0.0] * len(groups)
    whole = base or 0.0
    for place, group in enumerate(groups):
        held = sums[place] + _faded(group.parts, elapsed)
        if group.cap is not None:
            held = max(-group.cap, min(group.cap, held))
        if group.within is None:
            whole += held
        else:
            sums[group.within] += held
    return max(0.0, whole)


def _faded(parts: Sequence[tuple[float, float]], elapsed: float) -> float:
    return sum(points * math.exp2(-elapsed / half_life) for half_life, points in parts)


class Risk(BaseModel):
    """How likely a customer is to leave, read and decayed as heat is."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    points: float
    band: RiskBand
    parts: Parts = ()
    base: float | None = None
    groups: Groups | None = None


class HeatChanged(Event, type="ascua.heat.changed", version=1):
    """A lead's heat at the instant of the event, and what a reader needs to decay it from there.

    `parts` are pairs of half-life in seconds and points: heat at a later instant is `base` (0 if absent) and the sum of
    points x 2^(-seconds since / half-life), at least 0, until the next of these events says otherwise.

    Where a cap holds some of the points back, or may later, there are `groups`, and they count in place of `parts`:
    take them in their order, and hold the sum of a group's own parts, faded as above, and of the groups that count in
    it between -`cap` and `cap`; heat is `base` and the sum of those without `within`, at least 0. Who reads `parts`
    all the same has the heat of the instant of the event, and later an approximation. `risk` is told of customers, and
    fades likewise.
    """

    topic: ClassVar[str] = "heat"
    source: ClassVar[str] = "/ascua/scoring"

    heat: float
    band: Band
    rules: RulesVersion
    parts: Parts = ()
    base: float | None = None
    """Points that do not fade, if there are any."""
    groups: Groups | None = None
    """Groups that a cap holds, or may hold later, and what is in none of them."""
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
