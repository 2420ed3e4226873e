"""The tickets process."""

from __future__ import annotations

from fastapi import FastAPI

from services.tickets.api import router
from services.tickets.store import tickets
from shared.bus import Publisher, Topics
from shared.clock import utc_now
from shared.installation import PORTS
from shared.mongo import Mongo
from shared.outbox import Relay
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    port: Port = PORTS["tickets"]


def app(settings: Settings) -> FastAPI:
    topics = Topics(settings.kafka_bootstrap, settings.topic_prefix)
    mongo = Mongo(settings.mongo_url, f"{settings.database_prefix}_tickets")
    publisher = Publisher(topics)
    store = tickets(mongo)
    parts: dict[str, Part] = {
        "topics": topics,
        "store": mongo,
        "publisher": publisher,
        "relay": Relay("tickets", store, publisher, "tickets"),
    }
    return service_app("tickets", parts, [router(store, utc_now)])


def main() -> None:
    serve("tickets", app, Settings)
