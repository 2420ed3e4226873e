"""The gateway process."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI
from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt
from starlette.middleware import Middleware

from services.gateway import api
from services.gateway.access import api as access
from services.gateway.access.audit import Audit
from services.gateway.access.keys import KeyRing, Scope
from services.gateway.access.limits import Limits, Tally
from services.gateway.access.visits import Visits
from services.gateway.boards.discipline import api as boards
from services.gateway.boards.discipline.keeper import Keeper
from services.gateway.calendars import api as calendars
from services.gateway.calendars.feeds import Feeds
from services.gateway.clients import Backends
from services.gateway.handlers import (
    PROJECTED,
    TRACED,
    TRACER,
    follow_trails,
    place_again,
    place_first,
    project,
)
from services.gateway.live import Live
from services.gateway.pages import api as pages
from services.gateway.pages import docs, work
from services.gateway.store import Imports, Trails, Views
from shared.bus import Consumer, OpenLetters, Publisher, Topics
from shared.clock import utc_now
from shared.mongo import Mongo
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings, Url
from shared.timers import Timers

PROJECTOR = "gateway"
PLACED_EVERY = 1.0
"""Seconds between two looks for leads that time has moved on the board."""


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write the address people reach the gateway at, such as https://leads.example.com")
    return url.rstrip("/") + "/"


class Settings(ServiceSettings):
    is_inner = False
    port: Port = 8000
    public_url: Annotated[str, AfterValidator(_origin)] | None = None
    """Where people reach the gateway: links are made of it, and never of what a request says of its host."""
    leads_url: Url = "http://127.0.0.1:8001"
    followup_url: Url = "http://127.0.0.1:8002"
    tickets_url: Url = "http://127.0.0.1:8003"
    scoring_url: Url = "http://127.0.0.1:8004"
    ops_host: str = "127.0.0.1"
    ops_port: Port | None = None
    """Here metrics, status and the reasons of readiness are for everybody; at the door an operator's key is needed."""

    backdate_days: Annotated[int, Field(ge=0, le=36_600)] = 31
    """How long ago a rep may say to have done something; an operator's key may tell older things."""
    key_rate: PositiveFloat = 200
    """Requests a second by one key, ten seconds' worth in one go; an operator's key may ten times as much."""
    address_rate: PositiveFloat = 1_000
    key_open: PositiveInt = 100
    """Requests of one key under way at once, streams among them; of an operator's ten times as many."""
    address_open: PositiveInt = 500

    @property
    def limits(self) -> Limits:
        return Limits(self.key_rate, self.address_rate, self.key_open, self.address_open)

    @property
    def address(self) -> str:
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"


def app(settings: Settings) -> FastAPI:
    topics = Topics(settings.kafka_bootstrap, settings.topic_prefix)
    mongo = Mongo(settings.mongo_url, f"{settings.database_prefix}_gateway")
    publisher = Publisher(topics)
    views, trails, imports, keys = Views(mongo), Trails(mongo), Imports(mongo), KeyRing(mongo)
    backends = Backends(
        {
            "leads": settings.leads_url,
            "followup": settings.followup_url,
            "tickets": settings.tickets_url,
            "scoring": settings.scoring_url,
        },
        settings.inner_secret.get_secret_value() if settings.inner_secret else None,
        timedelta(days=settings.backdate_days),
    )
    live = Live(topics, PROJECTOR)
    audit = Audit(mongo)
    projector = Consumer(
        topics,
        publisher,
        PROJECTOR,
        PROJECTED,
        partial(project, views, backends, utc_now),
        batch=2_000,
        dead_letter_limit=settings.dead_letter_limit,
    )
    tracer = Consumer(
        topics,
        publisher,
        TRACER,
        TRACED,
        lambda batch: follow_trails(trails, keeper, batch),
        batch=2_000,
        dead_letter_limit=settings.dead_letter_limit,
    )
    keeper = Keeper(trails, backends, lambda: tracer.alone_since)
    parts: dict[str, Part] = {
        "topics": topics,
        "store": mongo,
        "publisher": publisher,
        "backends": backends,
        "projector": projector,
        "tracer": tracer,
        "keeper": keeper,
        "live": live,
        "standings": Timers(
            partial(place_again, views, utc_now), utc_now, PLACED_EVERY, partial(place_first, views, utc_now)
        ),
        "letters": OpenLetters(topics),
        "audit": audit,
    }
    routers = [
        api.commands(backends, keys),
        api.playbooks(backends, keys),
        api.intake(publisher, backends, imports, keys, utc_now),
        api.reads(
            views,
            backends,
            live,
            keys,
            topics,
            utc_now,
            lambda: {name: part.status() for name, part in parts.items()},
        ),
        boards.router(views, keeper, keys, utc_now),
        calendars.router(views, Feeds(mongo), keys, settings.address, utc_now),
        work.router(views, keeper, live, keys, utc_now),
        pages.router(views, backends, live, keys, settings.address, utc_now),
        access.router(keys, audit, settings.address, utc_now),
        docs.router(),
    ]
    gateway = service_app(
        "gateway",
        parts,
        routers,
        guard=api.Admission(keys, Scope.OPERATE),
        ops=(settings.ops_host, settings.ops_port) if settings.ops_port is not None else None,
    )
    visits = Middleware(Visits, tally=Tally(settings.limits), audit=audit, public_url=settings.address)
    gateway.user_middleware.append(visits)  # inside of those that trace and measure
    gateway.mount("/static", docs.Static(directory=pages.STATIC))
    return gateway


def main() -> None:
    serve("gateway", app, Settings)
