"""The leads process."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI
from pydantic import AfterValidator

from services.leads.api import router
from services.leads.domain.forms import USUAL_REGION
from services.leads.handlers import follower
from services.leads.store import leads
from shared.bootstrap import Owner
from shared.clock import utc_now
from shared.contacts import REGIONS
from shared.installation import LEADS, PORTS
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
    owner = Owner("leads", settings)
    store = leads(owner.mongo)
    parts: dict[str, Part] = {
        **owner.parts(store),
        "consumer": owner.consumer(LEADS, follower(store)),
    }
    return service_app("leads", parts, [router(store, settings.region, utc_now)])


def main() -> None:
    serve("leads", app, Settings)
