"""The leads process."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI
from pydantic import AfterValidator

from services.leads.api import router
from services.leads.domain.forms import USUAL_REGION
from services.leads.handlers import follower
from services.leads.store import leads
from shared.bus import Consumer, Publisher, Topics
from shared.clock import utc_now
from shared.contacts import REGIONS
from shared.installation import LEADS, PORTS
from shared.mongo import Mongo
from shared.outbox import Relay
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings


def _known_region(region: str) -> str:
    if region not in REGIONS:
        raise ValueError("there is no such country; write its two capital letters, as in ES or MX")
    return region


class Settings(ServiceSettings):
    port: Port = PORTS["leads"]
    region: Annotated[str, AfterValidator(_known_region)] = USUAL_REGION
    """The country (ISO 3166, two letters) of phone numbers that name none, unless the lead's zone says."""


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
            LEADS.name,
            LEADS.topics,
            follower(store),
            dead_letter_limit=settings.dead_letter_limit,
        ),
    }
    return service_app("leads", parts, [router(store, settings.region, utc_now)])


def main() -> None:
    serve("leads", app, Settings)
