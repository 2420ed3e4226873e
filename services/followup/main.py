"""The followup process."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from services.followup.api import router
from services.followup.handlers import timers
from services.followup.reactions import follow
from services.followup.store import PublishedPlaybooks, followups
from shared.bootstrap import Owner
from shared.clock import utc_now
from shared.installation import FOLLOWUP, PORTS
from shared.outbox import Relay
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    port: Port = PORTS["followup"]


def app(settings: Settings) -> FastAPI:
    owner = Owner("followup", settings)
    store, books = followups(owner.mongo), PublishedPlaybooks(owner.mongo)
    parts: dict[str, Part] = {
        **owner.parts(store),
        "playbooks": Relay("followup-playbooks", books.publications, owner.publisher, "playbooks"),
        "consumer": owner.consumer(FOLLOWUP, partial(follow, store, books)),
        "timers": timers(store, books, utc_now),
    }
    return service_app("followup", parts, [router(store, books, utc_now)])


def main() -> None:
    serve("followup", app, Settings)
