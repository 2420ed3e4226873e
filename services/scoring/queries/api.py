"""Heat and its reasons over HTTP, for the gateway: computed from the ledger."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from services.scoring.ledger import Entry
from services.scoring.queries import curve as curves
from services.scoring.queries import reasons
from services.scoring.queries import timeline as timelines
from services.scoring.queries.reads import Reads
from services.scoring.scorecard.explanation import LISTED, Term
from shared.clock import from_milliseconds, milliseconds
from shared.events.base import Instant, JsonObject
from shared.events.scoring import Band, RiskBand
from shared.web import LeadPath


class HeatAnswer(BaseModel):
    """`counts` is how often each kind happened, each forgotten by half every half-life."""

    lead_id: str
    at: Instant
    heat: float
    band: Band | RiskBand
    rules: str
    counts: dict[str, float]


class TermAnswer(BaseModel):
    """`lead_id` is the lead or the member that the event is about."""

    event_id: str
    lead_id: str
    kind: str
    topic: str
    partition: int
    offset: int
    at: Instant
    age_seconds: float
    factor: float
    points: float


class RestAnswer(BaseModel):
    """The facts of a kind that are not among the terms: how many, from when to when, and their points together."""

    kind: str
    facts: int
    first_at: Instant
    last_at: Instant
    points: float


class FitAnswer(BaseModel):
    attribute: str
    value: str
    points: float


class CapAnswer(BaseModel):
    """A correction: of a group held within its cap, or of a sum held at 0 (no group)."""

    group: str | None
    points: float


class ExplanationAnswer(BaseModel):
    """The largest terms one by one, the rest by kind. Base, terms, rest, fit and caps sum to the heat."""

    lead_id: str
    at: Instant
    heat: float
    band: Band | RiskBand
    rules: str
    base: float
    terms: list[TermAnswer]
    rest: list[RestAnswer]
    fit: list[FitAnswer]
    caps: list[CapAnswer]


class CurvePoint(BaseModel):
    at: Instant
    heat: float


class CurveAnswer(BaseModel):
    """Heat over a span, oldest first, each point under the rules in force then.

    `rules` are those at the end of the span, and `bands` is from how many points on they let each band be entered.
    """

    lead_id: str
    rules: str
    bands: dict[str, float]
    points: list[CurvePoint]


class EntryAnswer(BaseModel):
    """`lead_id` is the lead or the member that the event is about."""

    event_id: str
    lead_id: str
    type: str
    kind: str
    at: Instant
    recorded_at: Instant
    topic: str
    partition: int
    offset: int
    data: JsonObject
    actor: str | None
    """Whose request it was, by the name of their key; null of what a service did of itself."""


class TimelineAnswer(BaseModel):
    """`next` is the `before` of the next page; null on the last one."""

    lead_id: str
    entries: list[EntryAnswer]
    next: str | None


At = Annotated[AwareDatetime | None, Query(description="The instant to look at; without it, now.")]
Card = Annotated[
    Literal["heat", "risk"],
    Query(description="What to rate by: the heat of a lead, or the risk that a customer leaves."),
]


Most = Annotated[int, Query(alias="limit", ge=1, le=500, description="How many terms to list one by one.")]


def reading(reads: Reads) -> APIRouter:
    """What is computed from the facts of a lead, however many."""
    api = APIRouter(tags=["heat"])

    @api.get("/leads/{lead_id}/heat", summary="A lead's heat, now or at an instant")
    async def heat(lead_id: LeadPath, at: At = None, scorecard: Card = "heat") -> HeatAnswer:
        found = await reasons.explain(reads, lead_id, at, scorecard, most=1)
        return HeatAnswer(
            lead_id=lead_id,
            at=from_milliseconds(found.score.at_ms),
            heat=found.score.heat,
            band=found.band,
            rules=found.score.rules,
            counts=dict(found.counts),
        )

    @api.get("/leads/{lead_id}/heat/explain", summary="Why the heat is what it is, the largest terms first")
    async def explain(
        lead_id: LeadPath, at: At = None, scorecard: Card = "heat", limit: Most = LISTED
    ) -> ExplanationAnswer:
        found = await reasons.explain(reads, lead_id, at, scorecard, limit)
        score = found.score
        return ExplanationAnswer(
            lead_id=lead_id,
            at=from_milliseconds(score.at_ms),
            heat=score.heat,
            band=found.band,
            rules=score.rules,
            base=score.base,
            terms=[_term(term) for term in score.terms],
            rest=[
                RestAnswer(
                    kind=rest.kind,
                    facts=rest.facts,
                    first_at=from_milliseconds(rest.first_ms),
                    last_at=from_milliseconds(rest.last_ms),
                    points=rest.points,
                )
                for rest in score.rest
            ],
            fit=[FitAnswer(attribute=fit.attribute, value=fit.value, points=fit.points) for fit in score.fit],
            caps=[CapAnswer(group=cap.group, points=cap.points) for cap in score.caps],
        )

    @api.get("/leads/{lead_id}/heat/curve", summary="Heat over a span, also one to come")
    async def curve(
        lead_id: LeadPath,
        start: Annotated[AwareDatetime, Query(alias="from")],
        end: Annotated[AwareDatetime, Query(alias="to")],
        points: Annotated[int, Query(ge=2, le=500)] = 100,
    ) -> CurveAnswer:
        drawn = await curves.curve(reads, lead_id, start, end, points)
        rules = reads.rulebook.at(milliseconds(end))
        return CurveAnswer(
            lead_id=lead_id,
            rules=rules.version,
            bands={band.name: band.enter for band in rules.heat.bands},
            points=[CurvePoint(at=from_milliseconds(at_ms), heat=heat) for at_ms, heat in drawn],
        )

    @api.get("/leads/{lead_id}/timeline", summary="What happened with a lead, from the newest")
    async def timeline(
        lead_id: LeadPath, before: str | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> TimelineAnswer:
        entries, following = await timelines.timeline(reads, lead_id, before, limit)
        return TimelineAnswer(lead_id=lead_id, entries=[_entry(entry) for entry in entries], next=following)

    return api


def _term(term: Term) -> TermAnswer:
    entry = term.about
    assert isinstance(entry, Entry), "the terms are about entries"
    return TermAnswer(
        event_id=entry.event_id,
        lead_id=entry.lead_id,
        kind=term.kind,
        topic=entry.topic,
        partition=entry.partition,
        offset=entry.offset,
        at=from_milliseconds(term.at_ms),
        age_seconds=term.age_seconds,
        factor=term.factor,
        points=term.points,
    )


def _entry(entry: Entry) -> EntryAnswer:
    return EntryAnswer(
        event_id=entry.event_id,
        lead_id=entry.lead_id,
        type=entry.type,
        kind=entry.kind,
        at=from_milliseconds(entry.at_ms),
        recorded_at=from_milliseconds(entry.recorded_ms),
        topic=entry.topic,
        partition=entry.partition,
        offset=entry.offset,
        data=entry.data,
        actor=entry.actor,
    )
