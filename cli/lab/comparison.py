"""Rules in force against rules on trial, on the same leads: what each would have said, and what it would be worth."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import fsum
from typing import Any, Final, NamedTuple

from cli.lab.histories import AGES, History
from cli.lab.replay import Look, Played, play
from cli.lab.worth import Disparity, Scored, Worth, disparity, worth
from services.scoring.processor.decisions import promote
from services.scoring.scorecard.compiled_rules import CompiledRules
from shared.clock import from_milliseconds
from shared.events.base import rfc3339
from shared.events.scoring import Band

OLD: Final = "in_force"
NEW: Final = "on_trial"
NONE: Final = "(none)"
"""The group of leads that do not have an attribute."""
MOST_SHOWN: Final = 20

BANDS: Final = tuple(str(band) for band in Band)


class LeadDifference(NamedTuple):
    """Where a lead stands once the rules on trial took over at the end, and where it did under those in force.

    `digest` is that of the whole state that its facts make under the rules on trial.
    """

    lead: str
    at: str
    heat: float
    band: str
    digest: str
    heat_in_force: float
    band_in_force: str


@dataclass(frozen=True, slots=True)
class Crossings:
    """How often one kind of crossing is told. What a lead has under both rules is neither gained nor lost."""

    in_force: int = 0
    on_trial: int = 0
    gained: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What a backtest found. Mappings of rules have `in_force` and `on_trial`; those of ages are named as in AGES."""

    leads: int
    never_captured: int
    changed: int
    """Leads whose heat at the end differs."""
    mean_difference: float
    """Of heat at the end, without regard to its sign."""
    moves: Mapping[str, Mapping[str, int]]
    """How many leads are in a band under the rules in force, and in which under those on trial."""
    largest: Sequence[LeadDifference]
    crossings: Mapping[str, Crossings]
    on_publishing: Mapping[str, int]
    """The crossings that are told when the rules on trial take over at the end."""
    worth: Mapping[str, Mapping[str, Worth]]
    """By age and rules."""
    disparity: Mapping[str, Mapping[str, Mapping[str, Disparity]]]
    """By attribute, age and rules."""

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "largest": [state._asdict() for state in self.largest]}


@dataclass(slots=True)
class Comparison:
    """Takes in one lead after the other. Crossings and looks count from `since_ms` on and before `until_ms`."""

    in_force: CompiledRules
    on_trial: CompiledRules
    since_ms: int
    until_ms: int
    attributes: Sequence[str] = ()
    _leads: int = 0
    _never: int = 0
    _differences: list[float] = field(default_factory=list)
    _moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    _largest: list[tuple[float, str, LeadDifference]] = field(default_factory=list)
    _crossings: dict[str, Crossings] = field(default_factory=dict)
    _on_publishing: Counter[str] = field(default_factory=Counter)
    _scored: dict[tuple[str, str], list[Scored]] = field(default_factory=lambda: defaultdict(list))
    _groups: dict[tuple[str, str, str], dict[str, list[Scored]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def add(self, history: History) -> LeadDifference | None:
        """Replay a lead under both rules; None for one of which nothing had happened before the end."""
        if not history.facts or history.facts[0].at_ms >= self.until_ms:
            return None
        self._leads += 1
        ages = {}
        if history.captured_ms is None or history.captured_ms >= self.until_ms:
            self._never += 1
        else:
            ages = {
                age: at
                for age, after in AGES.items()
                if self.since_ms <= (at := history.captured_ms + after) < self.until_ms
                and history.is_open(at)
            }
        instants = list(ages.values())
        old = play(history, self.in_force, instants, self.until_ms, self.since_ms)
        new = play(history, self.on_trial, instants, self.until_ms, self.since_ms)
        won = history.won_by(self.until_ms)
        for rules, played in ((OLD, old), (NEW, new)):
            for age, look in zip(ages, played.looks, strict=True):
                self._look(history, rules, age, Scored(look.heat, look.is_hot, won))
        self._cross(old, new)
        return self._end(history.lead_id, old, new)

    def _look(self, history: History, rules: str, age: str, scored: Scored) -> None:
        self._scored[age, rules].append(scored)
        for attribute in self.attributes:
            group = history.attributes.get(attribute, NONE)
            self._groups[attribute, age, rules][group].append(scored)

    def _cross(self, old: Played, new: Played) -> None:
        before = Counter(type(crossing).__name__ for crossing in old.crossings)
        after = Counter(type(crossing).__name__ for crossing in new.crossings)
        for name in before | after:
            known = self._crossings.get(name, Crossings())
            self._crossings[name] = Crossings(
                known.in_force + before[name],
                known.on_trial + after[name],
                known.gained + max(0, after[name] - before[name]),
                known.lost + max(0, before[name] - after[name]),
            )

    def _end(self, lead_id: str, old: Played, new: Played) -> LeadDifference:
        """Publish the rules at the end: a lead goes over to its new state with the band that it is in."""
        lead = old.lead
        lead.ties = new.lead.ties  # its members have told what they count by then
        crossings = promote(lead, new.lead.state, self.in_force, self.on_trial, self.until_ms)
        self._on_publishing.update(type(crossing).__name__ for crossing in crossings)
        state = LeadDifference(
            lead_id,
            rfc3339(from_milliseconds(self.until_ms)),
            new.end.heat,
            str(lead.heat.band),
            lead.state.digest().hex(),
            old.end.heat,
            str(old.end.band),
        )
        difference = abs(new.end.heat - old.end.heat)
        self._differences.append(difference)
        self._moves[state.band_in_force, state.band] += 1
        if difference > 0:
            push = heapq.heappush if len(self._largest) < MOST_SHOWN else heapq.heappushpop
            push(self._largest, (difference, lead_id, state))
        return state

    def report(self) -> Report:
        return Report(
            leads=self._leads,
            never_captured=self._never,
            changed=sum(1 for difference in self._differences if difference > 0),
            mean_difference=fsum(self._differences) / max(1, len(self._differences)),
            moves={before: {after: self._moves[before, after] for after in BANDS} for before in BANDS},
            largest=[state for *_, state in sorted(self._largest, reverse=True)],
            crossings=dict(sorted(self._crossings.items())),
            on_publishing=dict(sorted(self._on_publishing.items())),
            worth={age: {rules: worth(self._scored[age, rules]) for rules in (OLD, NEW)} for age in AGES},
            disparity={
                attribute: {
                    age: {
                        rules: disparity(attribute, self._groups[attribute, age, rules])
                        for rules in (OLD, NEW)
                    }
                    for age in AGES
                }
                for attribute in self.attributes
            },
        )


def worth_of(
    histories: Sequence[History], rules: CompiledRules, until_ms: int, ages: Mapping[str, int] = AGES
) -> dict[str, Worth]:
    """What heat is worth on some leads at each age, by what was known before `until_ms`."""
    scored: dict[str, list[Scored]] = {age: [] for age in ages}
    for history in histories:
        for age, look in looks_at(history, rules, until_ms, ages):
            scored[age].append(Scored(look.heat, look.is_hot, history.won_by(until_ms)))
    return {age: worth(each) for age, each in scored.items()}


def looks_at(
    history: History, rules: CompiledRules, until_ms: int, ages: Mapping[str, int] = AGES
) -> Iterator[tuple[str, Look]]:
    """The heat of a lead at each age at which it was open."""
    if history.captured_ms is None:
        return
    open_at = {
        age: at
        for age, after in ages.items()
        if (at := history.captured_ms + after) < until_ms and history.is_open(at)
    }
    if open_at:
        instants = list(open_at.values())
        yield from zip(open_at, play(history, rules, instants, instants[-1] + 1).looks, strict=True)
