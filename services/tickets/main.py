"""The tickets process."""

from __future__ import annotations

from fastapi import FastAPI

from services.tickets.api import router
from services.tickets.store import tickets
from shared.bootstrap import Owner
from shared.clock import utc_now
from shared.installation import PORTS
from shared.service import serve, service_app
from shared.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    port: Port = PORTS["tickets"]


def app(settings: Settings) -> FastAPI:
    owner = Owner("tickets", settings)
    store = tickets(owner.mongo)
    return service_app("tickets", owner.parts(store), [router(store, utc_now)])


def main() -> None:
    serve("tickets", app, Settings)
