"""What a lead is worth for what it is: the points of its attributes, which do not fade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.scoring.scorecard.model import Scorecard


@dataclass(frozen=True, slots=True)
class FitTerm:
    """What one attribute of the lead adds to heat."""

    attribute: str
    value: str
    points: float


def fit_terms(scorecard: Scorecard, attributes: Mapping[str, str]) -> tuple[FitTerm, ...]:
    """What the lead's attributes are worth, by name; those the rules do not mention are left out."""
    return tuple(
        FitTerm(name, attributes[name], points[attributes[name]])
        for name, points in sorted(scorecard.fit.items())
        if attributes.get(name) in points
    )
