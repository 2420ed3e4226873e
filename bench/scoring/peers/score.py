"""What happens to one fact, and how a peer says how long all of them took."""

from __future__ import annotations

import gc
import json
import sys
from time import monotonic, process_time

from services.scoring.processor.crossings import Crossings, crossing_id
from services.scoring.processor.decisions import take_in
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.encoding import HeatEncoder
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.compiled_rules import compile_rules
from services.scoring.scorecard.defaults import default_rules
from shared.clock import utc_now
from shared.events import Recorded, encode
from shared.events.base import rfc3339
from shared.events.scoring import CrossingEvent

RULES = compile_rules(default_rules())
COMMIT_SECONDS = 0.5
DECODER = Decoder()
gc.disable()  # as a worker of ours that catches up
_tell = HeatEncoder(RULES).record


def score(lead: ScoredLead, value: bytes) -> Crossings:
    """Fold a record's fact into its lead."""
    return take_in(lead, DECODER.read(value), RULES)[1]


def told(lead: ScoredLead) -> bytes | None:
    """The record of the lead's heat, when there is news of it."""
    if not lead.has_news:
        return None
    lead.has_news = False
    lead.heat_sequence += 1
    return _tell(lead, rfc3339(utc_now()))


def crossed(crossing: CrossingEvent) -> bytes:
    return encode(Recorded(crossing_id(crossing), crossing, utc_now(), crossing.episode, crossing.aggregate))


class Stopwatch:
    """Runs from the first fact on."""

    def __init__(self, events: int) -> None:
        self._left = events
        self._began: float | None = None
        self._cpu = 0.0

    def count(self, events: int = 1) -> bool:
        """Count facts that are at hand; true once they are all there."""
        if self._began is None:
            self._began, self._cpu = monotonic(), process_time()
        self._left -= events
        return self._left <= 0

    def stop(self) -> None:
        assert self._began is not None
        assert self._left == 0, f"{-self._left} facts came twice"
        result = {"began": self._began, "ended": monotonic(), "cpu": process_time() - self._cpu}
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
