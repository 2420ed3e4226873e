"""The scoring process: the stream, the ledger's consumer and the API, in one loop."""

from __future__ import annotations

import gc
from typing import Annotated

from fastapi import FastAPI
from pydantic import Field

from services.scoring.api import router
from services.scoring.facts import Decoder
from services.scoring.fold import Heat
from services.scoring.handlers import GROUP, ledger_handler
from services.scoring.rulebook import Rulebook
from services.scoring.state import Log
from services.scoring.store import Ledger
from services.scoring.stream import Patience, Stream
from shared.bus import Consumer, Publisher, Topics
from shared.bus.topics import FACTS
from shared.clock import milliseconds, utc_now
from shared.mongo import Mongo
from shared.scorecard.heat import gauges
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    port: Port = 8004
    session_seconds: Annotated[float, Field(ge=1, le=60)] = 6.0
    """A worker silent for so long loses its partitions. At least the broker's group.min.session.timeout.ms."""


def app(settings: Settings) -> FastAPI:
    topics = Topics(settings.kafka_bootstrap, settings.topic_prefix)
    mongo = Mongo(settings.mongo_url, f"{settings.database_prefix}_scoring")
    publisher = Publisher(topics)
    ledger = Ledger(mongo)
    rulebook = Rulebook(topics)
    decoder = Decoder()

    def new_fold(number: int) -> Heat:
        rules = gauges(rulebook.at(milliseconds(utc_now())))
        return Heat(topics, rules, settings.dead_letter_limit, decoder, rulebook, number)

    parts: dict[str, Part] = {
        "topics": topics,
        "store": mongo,
        "publisher": publisher,
        "rules": rulebook,
        # First of the two: the ledger may wait for members of its group that are gone.
        "stream": Stream(
            Log(topics),
            new_fold,
            utc_now,
            Patience(session=settings.session_seconds, heartbeat=settings.session_seconds / 6),
        ),
        "ledger": Consumer(
            topics,
            publisher,
            GROUP,
            [topic.name for topic in FACTS],
            ledger_handler(ledger),
            dead_letter_limit=settings.dead_letter_limit,
        ),
    }
    return service_app("scoring", parts, [router(ledger, rulebook, utc_now)])


COLLECTOR = (2_000, 1_000_000, 1_000_000)
"""Thresholds of the garbage collector. What comes and goes is freed by its references, and what stays are leads: only
the youngest objects are looked at, few at a time, and all of them when partitions change hands (`state`)."""


def main() -> None:
    gc.set_threshold(*COLLECTOR)
    serve("scoring", app, Settings)
