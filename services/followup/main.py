"""The followup process."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from services.followup.api import router
from services.followup.handlers import follow
from services.followup.store import Books, followups
from services.followup.timers import Timers
from shared.bus import Consumer, Publisher, Topics
from shared.clock import utc_now
from shared.installation import FOLLOWUP, PORTS
from shared.mongo import Mongo
from shared.outbox import Relay
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    port: Port = PORTS["followup"]


def app(settings: Settings) -> FastAPI:
    topics = Topics(settings.kafka_bootstrap, settings.topic_prefix)
    mongo = Mongo(settings.mongo_url, f"{settings.database_prefix}_followup")
    publisher = Publisher(topics)
    store, books = followups(mongo), Books(mongo)
    consumer = Consumer(
        topics,
        publisher,
        FOLLOWUP.name,
        FOLLOWUP.topics,
        partial(follow, store, books),
        dead_letter_limit=settings.dead_letter_limit,
    )
    parts: dict[str, Part] = {
        "topics": topics,
        "store": mongo,
        "publisher": publisher,
        "relay": Relay("followup", store, publisher, "followup"),
        "playbooks": Relay("followup-playbooks", books.shelves, publisher, "playbooks"),
        "consumer": consumer,
        "timers": Timers(store, books, utc_now),
    }
    return service_app("followup", parts, [router(store, books, utc_now)])


def main() -> None:
    serve("followup", app, Settings)
