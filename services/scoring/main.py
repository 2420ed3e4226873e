"""Scoring's two processes: the worker, with the stream and the ledger's consumer in one loop, and its answers."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

from fastapi import FastAPI
from pydantic import Field

from services.scoring.api import published
from services.scoring.handlers import ledger_handler
from services.scoring.ledger import Ledger
from services.scoring.processor.decoding import Decoder
from services.scoring.processor.fold import LeadsFold
from services.scoring.queries.api import reading
from services.scoring.queries.process import QueryProcess, forwarding, serve_queries
from services.scoring.queries.reads import Reads
from services.scoring.rules_log import RulesLog
from services.scoring.runtime import collector
from services.scoring.runtime.log import Log
from services.scoring.runtime.worker import Patience, Worker
from services.scoring.scorecard.compiled_rules import compile_rules
from shared import logs
from shared.bus.cluster import Cluster
from shared.bus.consumer import Consumer
from shared.bus.publisher import Publisher
from shared.clock import milliseconds, utc_now
from shared.installation import LEDGER, PORTS
from shared.mongo import Mongo
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings, load

NICER: Final = 10
"""How much less the answers' process asks of the processor than the worker."""


class Settings(ServiceSettings):
    port: Port = PORTS["scoring"]
    session_seconds: Annotated[float, Field(ge=1, le=60)] = 6.0
    """A worker silent for so long loses its partitions. At least the broker's group.min.session.timeout.ms."""


def app(settings: Settings) -> FastAPI:
    """The process. In one piece, because it is a list: what is made of what, and what starts and answers."""
    topics = settings.topics
    mongo = Mongo(settings.mongo_url, f"{settings.database_prefix}_scoring")
    publisher = Publisher(topics)
    ledger = Ledger(mongo)
    rulebook = RulesLog(topics)
    decoder = Decoder()
    answers = Reads(ledger, rulebook, utc_now)
    queries = QueryProcess(
        lambda socket: [sys.executable, "-m", "services.scoring", "queries", str(socket)],
        {
            f"ASCUA_{name.upper()}": str(value)
            for name, value in settings.model_dump(exclude={"inner_secret"}).items()
        }
        | settings.brokers_at(settings.kafka_bootstrap).environment(),
    )

    def new_fold(number: int) -> LeadsFold:
        rules = compile_rules(rulebook.at(milliseconds(utc_now())))
        return LeadsFold(topics, rules, settings.dead_letter_limit, decoder, rulebook, number)

    parts: dict[str, Part] = {
        "topics": Cluster(topics),
        "store": mongo,
        "publisher": publisher,
        "rules": rulebook,
        "queries": queries,
        # First of the two: the ledger may wait for members of its group that are gone.
        "stream": Worker(
            Log(topics),
            new_fold,
            utc_now,
            Patience(session=settings.session_seconds, heartbeat=settings.session_seconds / 6),
        ),
        "ledger": Consumer(
            topics,
            publisher,
            LEDGER.name,
            LEDGER.topics,
            ledger_handler(ledger),
            gather=LEDGER.gather,
            dead_letter_limit=settings.dead_letter_limit,
        ),
    }
    return service_app(
        "scoring", parts, [published(rulebook, utc_now), forwarding(queries, reading(answers))]
    )


def query_app(settings: Settings) -> FastAPI:
    """What answers from the ledger."""
    topics = settings.topics
    mongo = Mongo(settings.mongo_url, f"{settings.database_prefix}_scoring")
    rulebook = RulesLog(topics)
    parts: dict[str, Part] = {"store": mongo, "rules": rulebook}
    return service_app("scoring", parts, [reading(Reads(Ledger(mongo), rulebook, utc_now))])


def main() -> None:
    match sys.argv[1:]:
        case ["queries", socket]:
            os.nice(NICER)
            settings = load(Settings)
            logs.configure("scoring", settings.log_level)
            serve_queries(query_app(settings), Path(socket))
        case _:
            collector.set_up()
            serve("scoring", app, Settings)
