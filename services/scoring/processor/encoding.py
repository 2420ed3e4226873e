"""A lead's heat as a record, quickly: the very bytes that `shared.events.encode` makes of `heat_event.heat_of`."""

from __future__ import annotations

import json
from math import inf
from typing import Final

from services.scoring.processor.heat_event import risk_of
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.compiled import Held
from services.scoring.scorecard.compiled_rules import CompiledRules
from shared.clock import from_milliseconds
from shared.events.base import rfc3339, wire_type
from shared.events.scoring import HeatChanged

_TYPE: Final = wire_type(HeatChanged)
_HOURS_KEPT: Final = 10_000
_MINUTES: Final = tuple(f"{minute:02}:" for minute in range(60))
_SECONDS: Final = tuple(f"{second:02}." for second in range(60))
_THOUSANDTHS: Final = tuple(f"{part:03}Z" for part in range(1000))


class HeatEncoder:
    """Writes the heat of leads under some rules."""

    def __init__(self, rules: CompiledRules) -> None:
        self._rules = rules
        self._hours: dict[int, str] = {}
        self._half_lives = {half_life: f"[{half_life / 1000!r}," for half_life in rules.heat.half_lives}
        self._before = '{"specversion":"1.0","id":"'
        self._after_id = f'","source":"{HeatChanged.source}","type":"{_TYPE}","subject":"'
        self._after_time = (
            f'","datacontenttype":"application/json","dataschema":"urn:ascua:schema:{_TYPE}","partitionkey":"'
        )

    def record(self, lead: ScoredLead, now: str) -> bytes:
        """The record of `lead`'s heat, with its sequence; `now` is the time of recording."""
        rules, state, at, name = self._rules.heat, lead.whole, lead.as_of_ms, lead.id
        points = rules.read(state.counts).points(at)
        base = rules.constant(state.attributes)
        heat = repr(rules.total(points, base))
        half_lives = self._half_lives
        parts = ",".join(
            [half_lives[half_life] + repr(held) + "]" for half_life, held in rules.fading(points)]
        )
        rest = ',"base":' + repr(base) if base else ""
        if groups := rules.groups(points):
            rest += f',"groups":[{",".join([self._group(group) for group in groups])}]'
        risk = risk_of(lead, self._rules)
        if risk is not None:
            rest += f',"risk":{json.dumps(risk.model_dump(mode="json", exclude_none=True), separators=(",", ":"))}'
        return (
            f'{self._before}{heat_id(name, lead.heat_sequence)}{self._after_id}{name}","time":"{self._time(at)}'
            f'{self._after_time}{name}","recordedtime":"{now}","sequence":{lead.heat_sequence},"aggregate":"heat:{name}",'
            f'"data":{{"heat":{heat},"band":"{lead.heat.band}","rules":"{self._rules.version}",'
            f'"parts":[{parts}]{rest}}}}}'
        ).encode()

    def _group(self, group: Held) -> str:
        half_lives = self._half_lives
        parts = ",".join([half_lives[half_life] + repr(points) + "]" for half_life, points in group.parts])
        cap = "" if group.cap == inf else ',"cap":' + repr(float(group.cap))
        within = "" if group.within is None else f',"within":{group.within}'
        return f'{{"parts":[{parts}]{cap}{within}}}'

    def _time(self, at_ms: int) -> str:
        hour, rest = at_ms // 3_600_000, at_ms % 3_600_000
        text = self._hours.get(hour)
        if text is None:
            if len(self._hours) == _HOURS_KEPT:
                self._hours.clear()
            text = self._hours[hour] = rfc3339(from_milliseconds(hour * 3_600_000))[:14]
        return text + _MINUTES[rest // 60_000] + _SECONDS[rest % 60_000 // 1000] + _THOUSANDTHS[rest % 1000]


def heat_id(lead_id: str, sequence: int) -> str:
    """The id of the event."""
    return f"{lead_id}/heat/{sequence}"
