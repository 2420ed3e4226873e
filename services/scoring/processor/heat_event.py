"""A lead's heat, and a customer's risk, as an event. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Any

from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.compiled import CompiledScorecard
from services.scoring.scorecard.compiled_rules import CompiledRules
from shared.clock import from_milliseconds
from shared.events.scoring import (
    Band,
    Group,
    HeatChanged,
    Risk,
    RiskBand,
)


def heat_of(lead: ScoredLead, rules: CompiledRules) -> HeatChanged:
    """The lead's heat as of the last instant looked at, and its risk if it is a customer.

    The parts and the base sum to the heat, or to less where that is held at 0. A group held by its cap is scaled down
    to it there, and stands as it is among the groups.
    """
    return HeatChanged(
        lead_id=lead.id,
        at=from_milliseconds(lead.as_of_ms),
        band=Band(lead.heat.band),
        rules=rules.version,
        risk=risk_of(lead, rules),
        **_score(lead, rules.heat, "heat"),
    )


def risk_of(lead: ScoredLead, rules: CompiledRules) -> Risk | None:
    """The risk of a customer, as of the last instant looked at."""
    if lead.risk is None or rules.risk is None or not lead.whole.is_customer:
        return None
    return Risk(band=RiskBand(lead.risk.band), **_score(lead, rules.risk, "points"))


def _score(lead: ScoredLead, compiled: CompiledScorecard, name: str) -> dict[str, Any]:
    """A lead's score by its `name`, and what a reader needs to decay it."""
    points = compiled.read(lead.whole.counts).points(lead.as_of_ms)
    base = compiled.constant(lead.whole.attributes)
    return {
        name: compiled.total(points, base),
        "parts": _in_seconds(compiled.fading(points)),
        "base": base or None,
        "groups": tuple(
            Group(parts=_in_seconds(parts), cap=None if cap == inf else cap, within=within)
            for parts, cap, within in compiled.groups(points)
        )
        or None,
    }


def _in_seconds(parts: Sequence[tuple[int, float]]) -> tuple[tuple[float, float], ...]:
    return tuple((half_life / 1000, points) for half_life, points in parts)
