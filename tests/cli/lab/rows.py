"""The leads of a log to import, as scoring comes to know them, without servers."""

from __future__ import annotations

from collections import defaultdict
from itertools import count
from pathlib import Path

from cli.imports.log_rows import Reject, understand
from cli.imports.mapping import Mapping
from cli.imports.readers import Source
from cli.lab.histories import History, history
from services.scoring.processor.fact_mapping import MappedFact, map_event
from shared.commands.import_rows import (
    Activity,
    Captured,
    HistoryRow,
    Lost,
    Offered,
    Signal,
    StageChanged,
    Won,
)
from shared.events.base import Event, Recorded
from shared.events.followup import ActivityLogged
from shared.events.leads import LeadCaptured, LeadLost, LeadOffered, LeadStageChanged, LeadWon, Stage
from shared.events.signals import SignalReceived


def leads_of(path: Path, mapping: Mapping) -> list[History]:
    """Every lead's history, in the order of the file."""
    facts: dict[str, list[MappedFact]] = defaultdict(list)
    numbers: dict[str, count[int]] = defaultdict(lambda: count(1))
    with Source(path) as source:
        for ready in understand(source.rows(mapping), mapping):
            assert not isinstance(ready, Reject), ready
            row = HistoryRow.model_validate_json(ready.body)
            event = _event(row)
            if isinstance(event, SignalReceived):
                recorded: Recorded[Event] = Recorded(f"row-{row.row}", event, row.at)
            else:
                sequence = next(numbers[event.aggregate])
                recorded = Recorded(f"row-{row.row}", event, row.at, sequence, event.aggregate)
            facts[row.lead_id].append(map_event(recorded))
    return [history(lead_id, each) for lead_id, each in facts.items()]


def _event(row: HistoryRow) -> Event:
    lead_id, at, what = row.lead_id, row.at, row.what
    match what:
        case Captured():
            return LeadCaptured(lead_id=lead_id, at=at, channel=what.channel, origin=what.origin)
        case StageChanged():
            return LeadStageChanged(lead_id=lead_id, at=at, stage=what.stage, previous=Stage.NEW)
        case Offered():
            return LeadOffered(lead_id=lead_id, at=at, value=what.value)
        case Won():
            return LeadWon(lead_id=lead_id, at=at, value=what.value)
        case Lost():
            return LeadLost(lead_id=lead_id, at=at, reason=what.reason)
        case Activity():
            return ActivityLogged(
                lead_id=lead_id,
                at=at,
                activity_id=f"a{row.row}",
                kind=what.kind,
                result=what.result,
                rep=what.rep,
            )
        case Signal():
            return SignalReceived(lead_id=lead_id, at=at, kind=what.kind, attributes=what.attributes)
