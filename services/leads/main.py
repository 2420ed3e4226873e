"""The leads process."""

from __future__ import annotations

from fastapi import FastAPI

from services.leads.api import router
from services.leads.handlers import GROUP, follower
from services.leads.store import leads
from shared.bus import Consumer, Publisher, Topics
from shared.clock import utc_now
from shared.mongo import Mongo
from shared.outbox import Relay
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    port: Port = 8001


def app(settings: Settings) -> FastAPI:
    topics = Topics(settings.kafka_bootstrap, settings.topic_prefix)
    mongo = Mongo(settings.mongo_url, f"{settings.database_prefix}_leads")
    publisher = Publisher(topics)
    store = leads(mongo)
    parts: dict[str, Part] = {
        "topics": topics,
        "store": mongo,
        "publisher": publisher,
        "relay": Relay("leads", store, publisher, "leads"),
        "consumer": Consumer(
            topics,
            publisher,
            GROUP,
            ["leads"],
            follower(store),
            dead_letter_limit=settings.dead_letter_limit,
        ),
    }
    return service_app("leads", parts, [router(store, utc_now)])


def main() -> None:
    serve("leads", app, Settings)
