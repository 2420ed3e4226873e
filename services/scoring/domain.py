"""What a fact means to a lead's heat, and what there is to tell about it. Pure.

Heat is a function of the set of facts, the rules and an instant (`shared.scorecard`). What has been told of it, the
band and the crossings, follows the order of arrival:
- A live fact takes effect when it happened, a historic one when it was recorded, a late one not before what was told.
- A fall by time alone that is due before a fact takes effect is told first.
- What a historic fact changes is not told as a crossing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import floor, log2
from typing import Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from shared.clock import from_milliseconds, milliseconds
from shared.errors import Undecodable
from shared.events.base import Event, Recorded
from shared.events.followup import ActivityLogged, ActivityResult
from shared.events.scoring import Band, CrossingEvent, HeatChanged, LeadCooled, LeadWarmed, LeadWentHot
from shared.events.signals import SignalReceived
from shared.scorecard import heat as scorecard
from shared.scorecard.counts import DecayedCounts
from shared.scorecard.lead_state import Fact, LeadState, fold
from shared.scorecard.rules import Rules

SCORECARD: Final = "heat"
_NAMES: Final = uuid5(NAMESPACE_URL, "urn:ascua:scoring")
_HEAD: Final = struct.Struct(">qq")
_NEVER: Final = 2**63 - 1
_LEVELS: Final = {Band.COLD: 0, Band.WARM: 1, Band.HOT: 2}

_RESULTS: Final = frozenset(
    {
        ActivityResult.ANSWERED,
        ActivityResult.NO_ANSWER,
        ActivityResult.INTERESTED,
        ActivityResult.APPOINTMENT,
        ActivityResult.OBJECTION,
    }
)


class Happened(NamedTuple):
    """A fact and when it takes effect; of history nothing is told."""

    lead_id: str
    fact: Fact
    effect_ms: int
    is_history: bool


def happened(recorded: Recorded[Event]) -> Happened:
    """What an event in the log is to scoring. Raises `Undecodable` when its sequence belongs to nothing."""
    if (recorded.aggregate is None) != (recorded.sequence is None):
        raise Undecodable("not-cloudevent", "aggregate and sequence go together, and this has one of them")
    at_ms = milliseconds(recorded.event.at)
    return Happened(
        recorded.lead_id,
        Fact(recorded.id, kind_of(recorded.event), at_ms, recorded.aggregate, recorded.sequence),
        milliseconds(recorded.recorded_at) if recorded.is_history else at_ms,
        recorded.is_history,
    )


def kind_of(event: Event) -> str:
    """The kind under which the rules may count an event, such as `signal.page_viewed` or `lead.won`."""
    match event:
        case SignalReceived():
            return f"signal.{event.kind}"
        case ActivityLogged():
            return f"activity.{event.result if event.result in _RESULTS else 'other'}"
        case _:
            return event.type.removeprefix("ascua.")


@dataclass(slots=True)
class Lead:
    """A lead in a scoring worker's memory.

    `as_of_ms` is the latest instant that was looked at: nothing is told for one before it. Heat does not fall out of
    its band before `alarm_ms`, or never when that is None.
    """

    id: str
    state: LeadState
    as_of_ms: int = -_NEVER
    alarm_ms: int | None = None
    parts: tuple[scorecard.Part, ...] | None = None
    """The heat of `as_of_ms`, when it was looked at in this process."""

    @classmethod
    def new(cls, lead_id: str) -> Lead:
        return cls(lead_id, LeadState())

    def encode(self) -> bytes:
        alarm = _NEVER if self.alarm_ms is None else self.alarm_ms
        return _HEAD.pack(self.as_of_ms, alarm) + self.state.encode()

    @classmethod
    def decode(cls, lead_id: str, record: bytes) -> Lead:
        """Raises `Undecodable` (state-unreadable)."""
        as_of, _ = _HEAD.unpack_from(record)
        return cls(lead_id, LeadState.decode(record[_HEAD.size :]), as_of, alarm_in(record))


def alarm_in(record: bytes) -> int | None:
    """The alarm of a state record, without reading the rest of it."""
    alarm: int = _HEAD.unpack_from(record)[1]
    return None if alarm == _NEVER else alarm


def take_in(lead: Lead, new: Happened, rules: Rules) -> tuple[bool, list[CrossingEvent]]:
    """Fold a fact; whether it was new, and the crossings to tell."""
    crossings = list(settle(lead, new.effect_ms, rules))
    if not fold(lead.state, new.fact, rules.half_lives):
        return False, crossings
    newest = lead.state.counts.newest_ms
    instant = max(lead.as_of_ms, new.effect_ms, new.effect_ms if newest is None else newest)
    crossing = _look(lead, instant, rules, is_told=not new.is_history)
    return True, [*crossings, *crossing]


def settle(lead: Lead, until_ms: int, rules: Rules) -> Iterator[CrossingEvent]:
    """Let the falls happen that are due up to an instant."""
    while lead.alarm_ms is not None and lead.alarm_ms <= until_ms:
        fall = scorecard.next_fall(lead.state.counts, rules, lead.state.band, lead.as_of_ms)
        if fall is None or fall > until_ms:
            lead.alarm_ms = fall
        else:
            yield from _look(lead, fall, rules, is_told=True)


def _look(lead: Lead, instant_ms: int, rules: Rules, is_told: bool) -> Iterator[CrossingEvent]:
    """Look at the heat of an instant, set the band by it, and tell a crossing."""
    state = lead.state
    parts = lead.parts = scorecard.parts(state.counts, rules, instant_ms)
    heat = scorecard.total(parts)
    band = scorecard.band(rules, state.band, heat)
    lead.as_of_ms = instant_ms
    lead.alarm_ms = _earliest_fall(parts, rules, band, instant_ms)
    if band == state.band:
        return
    before, state.band = Band(state.band), band
    if is_told:
        state.episode += 1
        yield _crossing(lead, before, Band(band), heat, rules)


def _crossing(lead: Lead, before: Band, band: Band, heat: float, rules: Rules) -> CrossingEvent:
    at, episode = from_milliseconds(lead.as_of_ms), lead.state.episode
    if _LEVELS[band] < _LEVELS[before]:
        return LeadCooled(
            lead_id=lead.id,
            at=at,
            scorecard=SCORECARD,
            episode=episode,
            heat=heat,
            rules=rules.version,
            band=band,
        )
    rise = LeadWentHot if band is Band.HOT else LeadWarmed
    return rise(lead_id=lead.id, at=at, scorecard=SCORECARD, episode=episode, heat=heat, rules=rules.version)


def _earliest_fall(parts: tuple[scorecard.Part, ...], rules: Rules, band: str, at_ms: int) -> int | None:
    """An instant before which heat cannot be below what keeps `band`; cheap, where `next_fall` is exact.

    What warms fades no faster than by the shortest half-life, what cools only fades, and a cap lets a group fall
    later still: heat(t) >= warm * 2^(-(t - at)/shortest) - cool.
    """
    keep = next((rule.leave for rule in rules.heat.bands if rule.name == band), None)
    if keep is None:
        return None
    groups: dict[str | None, list[scorecard.Part]] = {}
    for part in parts:
        groups.setdefault(part.group, []).append(part)
    warm = cool = 0.0
    for group in groups.values():
        cap = group[0].cap
        up, down = sum(max(0.0, p.points) for p in group), sum(max(0.0, -p.points) for p in group)
        # A capped group with both signs may move either way inside its cap: it is counted at its worst.
        if cap is None:
            warm, cool = warm + up, cool + down
        elif down == 0.0:
            warm += min(cap, up)
        else:
            cool += min(cap, down)
    if warm <= keep + cool:
        return at_ms
    shortest = min(part.half_life_ms for part in parts)
    return at_ms + max(0, floor(shortest * log2(warm / (keep + cool))) - 1) if keep + cool > 0 else None


def heat_of(lead: Lead, rules: Rules) -> HeatChanged:
    """The lead's heat as of the last instant looked at.

    The parts sum to the heat, or to less where that is held at 0. A group held by its cap is told scaled down to it.
    """
    parts = lead.parts
    if parts is None:
        parts = scorecard.parts(lead.state.counts, rules, lead.as_of_ms)
    groups: dict[str, float] = {}
    for part in parts:
        if part.group is not None:
            groups[part.group] = groups.get(part.group, 0.0) + part.points
    points: dict[float, float] = {}
    for part in parts:
        held = part.points
        if part.group is not None and part.cap is not None and abs(groups[part.group]) > part.cap:
            held *= part.cap / abs(groups[part.group])
        points[part.half_life_ms / 1000] = points.get(part.half_life_ms / 1000, 0.0) + held
    return HeatChanged(
        lead_id=lead.id,
        at=from_milliseconds(lead.as_of_ms),
        heat=scorecard.total(parts),
        band=Band(lead.state.band),
        rules=rules.version,
        parts=tuple(sorted(points.items())),
    )


def crossing_id(crossing: CrossingEvent) -> str:
    """One crossing, one id: told twice it is one fact."""
    direction = "down" if isinstance(crossing, LeadCooled) else "up"
    return _named(f"{crossing.lead_id}/{crossing.scorecard}/{crossing.episode}/{direction}")


def heat_id(lead_id: str, told: int) -> str:
    return _named(f"{lead_id}/{SCORECARD}/told/{told}")


def _named(name: str) -> str:
    return str(uuid5(_NAMES, name))


def band_at(lead_id: str, facts: Iterable[Fact], rules: Rules, at_ms: int) -> Band:
    """The band that facts up to an instant lead to, had each been known when it happened.

    Those of one instant count in the order in which they are given.
    """
    lead = Lead.new(lead_id)
    for fact in sorted(facts, key=lambda fact: fact.at_ms):
        take_in(lead, Happened(lead_id, fact, fact.at_ms, is_history=False), rules)
    for _ in settle(lead, at_ms, rules):
        pass
    return Band(lead.state.band)


def counts_of(facts: Iterable[Fact], rules: Rules, at_ms: int) -> dict[str, float]:
    """The decayed count of each kind at an instant."""
    counts = DecayedCounts()
    for fact in facts:
        if fact.kind in rules.heat.kinds:
            counts.add(fact.kind, fact.at_ms, rules.heat.kinds[fact.kind].half_life_ms)
    return {kind: counts.value(kind, at_ms) for kind, _ in counts.kinds()}
