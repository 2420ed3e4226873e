"""Crossings: the events of a score that went from one band into another. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from uuid_utils import NAMESPACE_URL, uuid5

from shared.clock import from_milliseconds
from shared.events.scoring import (
    Band,
    CrossingEvent,
    CustomerAtRisk,
    CustomerRecovered,
    LeadCooled,
    LeadWarmed,
    LeadWentHot,
    RiskBand,
)

Crossings = Sequence[CrossingEvent]

HEAT_BANDS: Final = tuple(Band)
RISK_BANDS: Final = tuple(RiskBand)
LEVELS: Final = {str(band): level for bands in (HEAT_BANDS, RISK_BANDS) for level, band in enumerate(bands)}
"""How high a band is on its own scorecard."""

_NAMES: Final = uuid5(NAMESPACE_URL, "urn:ascua:scoring")


def crossing(
    lead_id: str, at_ms: int, before: str, band: str, episode: int, score: float, rules: str
) -> CrossingEvent:
    """The event of a score that left the band `before` for `band`, under the rules of that version."""
    what: dict[str, Any] = {
        "lead_id": lead_id,
        "at": from_milliseconds(at_ms),
        "episode": episode,
        "heat": score,
        "rules": rules,
    }
    if band in RISK_BANDS:
        return (CustomerAtRisk if band == RiskBand.AT_RISK else CustomerRecovered)(**what)
    if LEVELS[band] < LEVELS[before]:
        return LeadCooled(**what, band=Band(band))
    return (LeadWentHot if band == Band.HOT else LeadWarmed)(**what)


def band_of(crossing: CrossingEvent) -> str:
    """The band that a crossing leads to."""
    match crossing:
        case LeadCooled():
            return crossing.band
        case LeadWentHot():
            return Band.HOT
        case LeadWarmed():
            return Band.WARM
        case CustomerAtRisk():
            return RiskBand.AT_RISK
        case _:
            return RiskBand.OK


def crossing_id(crossing: CrossingEvent) -> str:
    """One crossing, one id: sent twice it is one fact."""
    direction = "down" if isinstance(crossing, LeadCooled | CustomerRecovered) else "up"
    return str(uuid5(_NAMES, f"{crossing.lead_id}/{crossing.scorecard}/{crossing.episode}/{direction}"))
