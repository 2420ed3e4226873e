"""The tickets process."""

from __future__ import annotations

from fastapi import FastAPI

from services.tickets.api import router
from services.tickets.handlers import timers
from services.tickets.store import Macros, PolicyBook, tickets
from shared.bootstrap import Owner
from shared.clock import utc_now
from shared.installation import PORTS
from shared.outbox import Relay
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    port: Port = PORTS["tickets"]


def app(settings: Settings) -> FastAPI:
    owner = Owner("tickets", settings)
    store, book, macros = tickets(owner.mongo), PolicyBook(owner.mongo), Macros(owner.mongo)
    parts: dict[str, Part] = {
        **owner.parts(store),
        "policies": Relay("tickets-sla", book.publications, owner.publisher, "sla"),
        "timers": timers(store, book, utc_now),
    }
    return service_app("tickets", parts, [router(store, book, macros, utc_now)])


def main() -> None:
    serve("tickets", app, Settings)
