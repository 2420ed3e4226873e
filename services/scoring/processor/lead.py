"""What a fact means to a lead's heat, and what there is to tell about it. Pure.

Heat is a function of the set of facts, the rules and an instant (`services.scoring.scorecard`). What has been told of
it, the band and the crossings, follows the order of arrival:
- A live fact takes effect when it happened, a historic one when it was recorded, a late one not before what was told.
- A crossing by time alone that is due before a fact takes effect is told first.
- What a historic fact changes is not told as a crossing.
Risk is told of customers in the same way. Of a lead that is part of another one nothing is told, until it is split off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from struct import Struct
from typing import Any, Final

from uuid_utils import NAMESPACE_URL, uuid5

from services.scoring.processor.fact_mapping import MappedFact
from services.scoring.scorecard.band_bounds import BandBounds
from services.scoring.scorecard.compiled import (
    CompiledScorecard,
)
from services.scoring.scorecard.compiled_rules import (
    CompiledRules,
)
from services.scoring.scorecard.lead_state import LeadState, fold
from services.scoring.scorecard.members import TYING, Part, Ties
from services.scoring.scorecard.record import seal, unseal
from shared.clock import from_milliseconds, milliseconds
from shared.events.scoring import (
    Band,
    CrossingEvent,
    CustomerAtRisk,
    CustomerRecovered,
    Group,
    HeatChanged,
    LeadCooled,
    LeadWarmed,
    LeadWentHot,
    Risk,
    RiskBand,
    RiskEvent,
)

FORMAT: Final = 3
NEVER: Final = 2**63 - 1
NO_WAKE: Final = 2**32 - 1

_NAMES: Final = uuid5(NAMESPACE_URL, "urn:ascua:scoring")
_HEAD: Final = Struct(">BqIqIBI")
_REST: Final = Struct(">qIqIBI")
_RISK: Final = Struct(">BI")
_WITH_RISK: Final = 0x80
_TIMER: Final = Struct(">qI")
_HEAT_BANDS: Final = tuple(Band)
_RISK_BANDS: Final = tuple(RiskBand)
_LEVELS: Final = {
    str(band): level for bands in (_HEAT_BANDS, _RISK_BANDS) for level, band in enumerate(bands)
}


class Track:
    """Where a lead stands on one scorecard, as it was told."""

    __slots__ = ("band", "bounds", "episode", "room")

    def __init__(self, band: str, episode: int = 0) -> None:
        self.band = band
        self.episode = episode
        self.room = 0.0
        """Weights of facts that come to less than this do not lift the lead out of its band."""
        self.bounds: BandBounds | None = None
        """As of the last look; None before the first."""

    def keeps(self, lead: Lead, weight: float) -> bool:
        """Whether the band surely stays, up to the lead's timer, with a fact of that weight counted."""
        bounds = self.bounds
        if bounds is None:
            return False
        if weight > 0.0:
            bounds.warm(self.room - weight, lead.as_of_ms)
            self.room = bounds.room
        else:
            bounds.cool(-weight)
        if bounds.timer < lead.timer_ms:
            lead.timer_ms = int(bounds.timer)
        return lead.timer_ms > lead.as_of_ms


class Lead:
    """A lead in a scoring worker's memory.

    `as_of_ms` is the latest instant that was looked at: nothing is told for one before it. Time alone takes no score
    out of its band before `timer_ms`. The risk of a lead is tracked once it has become a customer.
    """

    __slots__ = (
        "as_of_ms",
        "has_news",
        "heat",
        "id",
        "is_changed",
        "is_listed",
        "record",
        "risk",
        "rules",
        "state",
        "ties",
        "timer_ms",
        "told",
        "wakes",
        "whole",
    )  # fmt: skip

    def __init__(self, lead_id: str, state: LeadState) -> None:
        self.id = lead_id
        self.state = state
        self.ties: Ties | None = None
        """What it has to do with other leads; mostly nothing."""
        self.whole = state
        """What its scores are read of: its state, and what its members count."""
        self.heat = Track(Band.COLD)
        self.risk = Track(RiskBand.OK) if state.is_customer else None
        self.rules = 0
        """The code of the rules that it is kept under."""
        self.as_of_ms = -NEVER
        self.timer_ms = NEVER
        self.told = 0
        """How many times this lead's heat was told; readers drop what is not above the last they saw."""
        self.record = b""
        """The last state record that was made of it."""
        self.wakes = NO_WAKE
        """The second for which a worker is to be woken up for it; the worker's."""
        self.is_changed = False
        """Whether its record is out of date; `has_news` when its heat is to be told as well."""
        self.has_news = False
        self.is_listed = False

    @classmethod
    def new(cls, lead_id: str) -> Lead:
        return cls(lead_id, LeadState())

    def join(self) -> None:
        """Read its scores of its state and ties as they are now."""
        self.whole = self.state if self.ties is None else self.ties.joined(self.state)
        if self.risk is None and self.whole.is_customer:
            self.risk = Track(RiskBand.OK)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is told of it for now."""
        return self.ties is not None and self.ties.is_quiet(self.rules)

    def part(self) -> Part:
        """What it tells the lead that it is part of."""
        assert self.ties is not None, "it is part of none"
        state, ties = self.state, self.ties
        return Part(
            turn=ties.turn,
            rules=self.rules,
            as_of_ms=self.as_of_ms,
            is_history=ties.is_history is True,
            is_customer=state.is_customer,
            attributes=state.attributes,
            counts=state.counts,
        )

    def resume(self, crossing: CrossingEvent) -> None:
        """Stand where a crossing that was told left it."""
        track = self.heat
        if isinstance(crossing, RiskEvent):
            self.risk = track = self.risk or Track(RiskBand.OK)
        track.episode = crossing.episode
        track.band = band_of(crossing)
        self.as_of_ms = max(self.as_of_ms, milliseconds(crossing.at))

    def encode(self) -> bytes:
        """The state record."""
        heat, risk = self.heat, self.risk
        out = bytearray(
            _HEAD.pack(
                FORMAT,
                self.timer_ms,
                self.rules,
                self.as_of_ms,
                self.told,
                _LEVELS[heat.band] | (0 if risk is None else _WITH_RISK),
                heat.episode,
            )
        )
        if risk is not None:
            out += _RISK.pack(_LEVELS[risk.band], risk.episode)
        self.state.pack(out)
        return seal(out)

    @classmethod
    def decode(cls, lead_id: str, record: bytes) -> Lead:
        """Raises `Undecodable` (state-unreadable)."""
        reader = unseal(record, FORMAT)
        timer, rules, as_of, told, heat, episode = reader.take(_REST)
        risk = reader.take(_RISK) if heat & _WITH_RISK else None
        lead = cls(lead_id, LeadState.unpack(reader))
        lead.timer_ms, lead.rules, lead.as_of_ms, lead.told = timer, rules, as_of, told
        lead.heat.band, lead.heat.episode = _HEAT_BANDS[heat & ~_WITH_RISK], episode
        if risk is not None:  # it may have become a customer by a member alone
            lead.risk = lead.risk or Track(RiskBand.OK)
            lead.risk.band, lead.risk.episode = _RISK_BANDS[risk[0]], risk[1]
        return lead


def timer_in(record: bytes, at: int = 0) -> tuple[int, int]:
    """The timer of a state record that begins at `at`, and the code of its rules, without reading the rest of it."""
    timer, rules = _TIMER.unpack_from(record, at + 1)
    return timer, rules


Crossings = Sequence[CrossingEvent]
_NOTHING: Final[Crossings] = ()


def take_in(lead: Lead, new: MappedFact, rules: CompiledRules) -> tuple[bool, Crossings]:
    """Fold a fact; whether it was new, and the crossings to tell."""
    effect = new.effect_ms
    crossings = settle(lead, effect, rules) if lead.timer_ms <= effect else _NOTHING
    step = rules.plain.get(new.kind) or rules.step(new)
    state = lead.state
    if not fold(state, new, step.counters):
        return False, crossings
    lead.is_changed = True
    if effect > lead.as_of_ms:
        lead.as_of_ms = effect
    if step.counters or step.is_turn:
        lead.has_news = True
    if lead.ties is not None:
        return True, [*crossings, *_tied(lead, lead.ties, new, rules)]
    heat, risk = lead.heat, lead.risk
    weight = step.heat
    # Most facts are within their room: `keeps`, written out.
    if weight > 0.0 and heat.room > weight:
        heat.room -= weight
        is_settled = True
    else:
        is_settled = weight == 0.0 or heat.keeps(lead, weight)
    if risk is not None and step.risk and is_settled:
        is_settled = risk.keeps(lead, step.risk)
    if is_settled and not step.is_turn:
        return True, crossings
    if new.kind in TYING:
        lead.ties = Ties()
        return True, [*crossings, *_tied(lead, lead.ties, new, rules)]
    if risk is None and state.is_customer:
        lead.risk = Track(RiskBand.OK)
    more = _look(lead, lead.as_of_ms, rules, is_told=not new.is_history)
    return True, [*crossings, *more] if more else crossings


def _tied(lead: Lead, ties: Ties, new: MappedFact, rules: CompiledRules) -> Crossings:
    """Look anew at a lead with ties, after a fact of its own."""
    if new.kind in TYING:
        ties.hear(new)
    ties.is_history = new.is_history and ties.is_history is not False
    lead.join()
    return _look(lead, lead.as_of_ms, rules, is_told=not new.is_history)


def take_part(lead: Lead, member: str, part: Part | None, rules: CompiledRules) -> Crossings:
    """Take in what a member counts, None when it has left; the crossings to tell."""
    crossings: Crossings = _NOTHING
    if part is not None and lead.timer_ms <= part.as_of_ms:
        crossings = settle(lead, part.as_of_ms, rules)
    if lead.ties is None:
        lead.ties = Ties()
    lead.is_changed = True
    if not lead.ties.take(member, part) or lead.as_of_ms == -NEVER:
        return crossings
    lead.has_news = True
    lead.join()
    as_of_ms = lead.as_of_ms if part is None else max(lead.as_of_ms, part.as_of_ms)
    is_told = part is None or not part.is_history
    return [*crossings, *_look(lead, as_of_ms, rules, is_told)]


def settle(lead: Lead, until_ms: int, rules: CompiledRules) -> Crossings:
    """Let happen what time alone brings about up to an instant."""
    crossings: list[CrossingEvent] = []
    while lead.timer_ms <= until_ms:
        before = lead.as_of_ms
        told = _look(lead, lead.timer_ms, rules, is_told=True)
        crossings += told
        if told or lead.timer_ms - lead.as_of_ms > (lead.as_of_ms - before) // 8:
            continue
        # The bounds hardly come nearer any more.
        state = lead.whole
        changes = [
            compiled.next_change(state.counts, state.attributes, track.band, lead.as_of_ms)
            for compiled, track in _tracks(lead, rules)
        ]
        lead.timer_ms = min((change for change in changes if change is not None), default=NEVER)
    return crossings or _NOTHING


def promote(
    lead: Lead, state: LeadState, before: CompiledRules | None, after: CompiledRules, effective_ms: int
) -> Crossings:
    """Put a lead under other rules, with the state that the facts make under them; the crossings to tell.

    What was due under the rules before is told first. From the instant at which the others are in force, or from the
    last one that was looked at, they decide.
    """
    crossings = list(settle(lead, effective_ms, before)) if before is not None else []
    lead.state, lead.rules = state, after.code
    lead.join()
    lead.is_changed = True
    if lead.as_of_ms > -NEVER:
        lead.has_news = True
        crossings += _look(lead, max(lead.as_of_ms, effective_ms), after, is_told=True)
    return crossings


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


def _tracks(lead: Lead, rules: CompiledRules) -> Iterator[tuple[CompiledScorecard, Track]]:
    yield rules.heat, lead.heat
    if lead.risk is not None and rules.risk is not None and lead.whole.is_customer:
        yield rules.risk, lead.risk


def _look(lead: Lead, instant_ms: int, rules: CompiledRules, is_told: bool) -> list[CrossingEvent]:
    """Look at the scores of an instant, set the bands by them, and tell the crossings."""
    crossings: list[CrossingEvent] = []
    lead.as_of_ms = instant_ms
    lead.timer_ms = NEVER
    if lead.ties is not None and lead.ties.is_quiet(lead.rules):
        return crossings
    told = crossings if is_told else None
    _look_at(rules.heat, lead.heat, lead, rules, told)
    risk = lead.risk
    if risk is None:
        return crossings
    if lead.whole.is_customer:
        if rules.risk is not None:
            _look_at(rules.risk, risk, lead, rules, told)
    elif risk.band != RiskBand.OK:
        # The member that was the customer has left.
        risk.band = RiskBand.OK
        if is_told:
            risk.episode += 1
            crossings.append(_crossing(lead, risk, RiskBand.AT_RISK, 0.0, rules))
    return crossings


def _look_at(
    compiled: CompiledScorecard,
    track: Track,
    lead: Lead,
    rules: CompiledRules,
    crossings: list[CrossingEvent] | None,
) -> None:
    state, instant = lead.whole, lead.as_of_ms
    points = compiled.read(state.counts).points(instant)
    constant = compiled.constant(state.attributes)
    score = compiled.total(points, constant)
    before, track.band = track.band, compiled.band(track.band, score)
    track.bounds = bounds = compiled.bounds(points, constant, track.band, instant)
    track.room = bounds.room
    if bounds.timer < lead.timer_ms:
        lead.timer_ms = int(bounds.timer)
    if track.band != before:
        lead.is_changed = lead.has_news = True
        if crossings is not None:
            track.episode += 1
            crossings.append(_crossing(lead, track, before, score, rules))


def _crossing(lead: Lead, track: Track, before: str, score: float, rules: CompiledRules) -> CrossingEvent:
    told: dict[str, Any] = {
        "lead_id": lead.id,
        "at": from_milliseconds(lead.as_of_ms),
        "episode": track.episode,
        "heat": score,
        "rules": rules.version,
    }
    if track is lead.risk:
        return (CustomerAtRisk if track.band == RiskBand.AT_RISK else CustomerRecovered)(**told)
    if _LEVELS[track.band] < _LEVELS[before]:
        return LeadCooled(**told, band=Band(track.band))
    return (LeadWentHot if track.band == Band.HOT else LeadWarmed)(**told)


def heat_of(lead: Lead, rules: CompiledRules) -> HeatChanged:
    """The lead's heat as of the last instant looked at, and its risk if it is a customer.

    The parts and the base sum to the heat, or to less where that is held at 0. A group held by its cap is scaled down
    to it there, and told as it is among the groups.
    """
    return HeatChanged(
        lead_id=lead.id,
        at=from_milliseconds(lead.as_of_ms),
        band=Band(lead.heat.band),
        rules=rules.version,
        risk=risk_of(lead, rules),
        **_score(lead, rules.heat, "heat"),
    )


def risk_of(lead: Lead, rules: CompiledRules) -> Risk | None:
    """The risk of a customer, as of the last instant looked at."""
    if lead.risk is None or rules.risk is None or not lead.whole.is_customer:
        return None
    return Risk(band=RiskBand(lead.risk.band), **_score(lead, rules.risk, "points"))


def _score(lead: Lead, compiled: CompiledScorecard, name: str) -> dict[str, Any]:
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


def crossing_id(crossing: CrossingEvent) -> str:
    """One crossing, one id: told twice it is one fact."""
    direction = "down" if isinstance(crossing, LeadCooled | CustomerRecovered) else "up"
    return _named(f"{crossing.lead_id}/{crossing.scorecard}/{crossing.episode}/{direction}")


def _named(name: str) -> str:
    return str(uuid5(_NAMES, name))
