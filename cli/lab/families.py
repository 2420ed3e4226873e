"""The facts that leads are told apart by: which events enough of them had, and by which attribute."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Final, TypeAlias, TypeGuard

import numpy as np

from cli.lab.histories import CAPTURED, LOST, QUALIFIED, WON, History
from cli.lab.looks import Looks
from cli.lab.worth import FEWEST
from services.scoring.scorecard import vocabulary

Value: TypeAlias = str | bool
_RANGES: Final = 10
_WORDS: Final = 12
_ABOUT_LEADS: Final = ("lead.", "activity.", "ticket.")
_SETTLED: Final = frozenset({WON, LOST, QUALIFIED, "lead.merged", "lead.split"})
"""How a lead ended, and what it is: points for that are fit, which is kept as it is."""
_NOT_THE_LEAD: Final = frozenset({"rep", "owner", "agent", "author", "currency", "previous"})
"""Attributes that say who of us did it, or nothing at all."""


@dataclass(frozen=True, slots=True)
class Family:
    """The facts of one event, and the attribute by which they are told apart.

    `words` each have a kind of their own, and one more takes the rest; or `edges` begin ranges of a number, and what is
    below the first, or is not told, is the lowest.
    """

    event: str
    attribute: str | None = None
    words: tuple[Value, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        return len(self.words) + len(self.edges) + 1

    def place(self, attributes: Mapping[str, Any] | None) -> int:
        """The kind of a fact: a word's, in order, then the rest; or a range's from the lowest."""
        value = scalars(attributes).get(self.attribute) if self.attribute is not None else None
        if self.edges:
            return bisect_right(self.edges, float(value)) if _is_number(value) else 0
        return (
            self.words.index(value) if isinstance(value, Value) and value in self.words else len(self.words)
        )


def scalars(attributes: Mapping[str, Any] | None) -> dict[str | None, Any]:
    """Attributes as conditions name them, those within another as `value.minor`."""
    found: dict[str | None, Any] = {}
    for name, value in (attributes or {}).items():
        if isinstance(value, Mapping):
            found |= {f"{name}.{part}": each for part, each in value.items()}
        else:
            found[name] = value
    return {name: value for name, value in found.items() if str(name).rpartition(".")[2] not in _NOT_THE_LEAD}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def families_of(
    cases: Sequence[History], rows: Looks, decided: Mapping[int, int]
) -> tuple[list[Family], list[tuple[str, int]]]:
    """The events that enough leads had before their last look, each with the attribute that tells most."""
    last: dict[int, int] = {}
    for lead, at in zip(rows.lead, rows.at, strict=True):
        last[int(lead)] = max(last.get(int(lead), 0), int(at))
    had: dict[str, set[int]] = defaultdict(set)
    said: dict[str, dict[str, dict[Any, set[int]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(set))
    )
    for lead, at in last.items():
        for fact in cases[lead].facts:
            if fact.at_ms > at:
                break
            if not _is_learned(fact.kind):
                continue
            had[fact.kind].add(lead)
            for name, value in scalars(fact.attributes).items():
                if _may_be_asked(fact.kind, str(name)):
                    said[fact.kind][str(name)][value].add(lead)
    families, rare = [], []
    for event in sorted(had):
        if len(had[event]) < FEWEST:
            rare.append((event, len(had[event])))
            continue
        splits = [_split(event, name, values) for name, values in sorted(said[event].items())]
        gains = [(_gain(split, said[event], decided), split) for split in splits if split is not None]
        best = max(gains, key=lambda each: each[0], default=(0.0, None))
        if best[1] is not None and best[0] > 0:
            families.append(best[1])
        elif event != CAPTURED:
            families.append(Family(event))
    return families, rare


def _is_learned(event: str) -> bool:
    if event.startswith("signal."):
        return True
    return event.startswith(_ABOUT_LEADS) and event not in _SETTLED and event in vocabulary.events()


def _may_be_asked(event: str, attribute: str) -> bool:
    """Whether a condition can name it: of a signal anything."""
    return event.startswith("signal.") or attribute in vocabulary.events()[event]


def _split(event: str, attribute: str, values: Mapping[Any, set[int]]) -> Family | None:
    """The family that an attribute makes: ranges of a number, or words that enough leads had; None for neither."""
    numbers = sorted((value, len(leads)) for value, leads in values.items() if _is_number(value))
    if len(numbers) == len(values) and len(numbers) > _WORDS:
        told = np.repeat([value for value, _ in numbers], [count for _, count in numbers])
        places = [round(len(told) * part / _RANGES) for part in range(1, _RANGES)]
        edges = sorted({float(told[place]) for place in places if told[place] > told[0]})
        return Family(event, attribute, edges=tuple(edges)) if edges else None
    words = sorted(
        (value for value, leads in values.items() if isinstance(value, Value) and len(leads) >= FEWEST),
        key=str,
    )
    if len(words) < 2 or len(words) > _WORDS:
        return None
    return Family(event, attribute, words=tuple(words))


def _gain(split: Family, said: Mapping[str, Mapping[Any, set[int]]], decided: Mapping[int, int]) -> float:
    """How much better leads are told apart by the kinds of a split, less what so many kinds gain by chance (AIC)."""
    kinds: dict[int, set[int]] = defaultdict(set)
    assert split.attribute is not None
    for value, leads in said[split.attribute].items():
        kinds[split.place({split.attribute: value})] |= leads
    tallies = [Counter(decided[lead] for lead in leads) for leads in kinds.values()]
    together = sum(tallies, Counter[int]())
    return 2 * (sum(map(_likelihood, tallies)) - _likelihood(together)) - 2 * (len(tallies) - 1)


def _likelihood(tally: Counter[int]) -> float:
    total = tally.total()
    return sum(count * log(count / total) for count in tally.values() if count)
