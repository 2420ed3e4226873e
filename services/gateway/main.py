"""The gateway process."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import FastAPI
from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt
from starlette.middleware import Middleware

from services.gateway import status
from services.gateway.access import api as access
from services.gateway.access.admission import Admission
from services.gateway.access.audit import Audit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.limits import Limits, Tally
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.access.visits import Visits
from services.gateway.boards.heat.standing import placed
from services.gateway.boards.mounting import Ground
from services.gateway.boards.registry import BOARDS
from services.gateway.calendar_feeds import api as calendars
from services.gateway.calendar_feeds.feeds import Feeds
from services.gateway.clients import Upstreams
from services.gateway.commands import api as commands
from services.gateway.intake import api as intake
from services.gateway.intake.import_progress import Imports
from services.gateway.live import Live
from services.gateway.pages import docs, enter, lead
from services.gateway.pages.rendering import STATIC, renderer
from services.gateway.quick_log import api as quick_log
from services.gateway.views import api as view
from services.gateway.views.projector import project
from services.gateway.views.store import Views
from shared.bus.cluster import Cluster
from shared.bus.consumer import Consumer
from shared.bus.dead_letter_topic import OpenDeadLetters
from shared.bus.publisher import Publisher
from shared.clock import utc_now
from shared.installation import PORTS, VIEWS, url
from shared.mongo import Mongo
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings, Url


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("write the address people reach the gateway at, such as https://leads.example.com")
    return url.rstrip("/") + "/"


class Settings(ServiceSettings):
    is_inner = False
    port: Port = PORTS["gateway"]
    public_url: Annotated[str, AfterValidator(_origin)] | None = None
    """Where people reach the gateway: links are made of it, and never of what a request says of its host."""
    leads_url: Url = url("leads")
    followup_url: Url = url("followup")
    tickets_url: Url = url("tickets")
    scoring_url: Url = url("scoring")
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
    """The process. In one piece, because it is a list: what is made of what, and what starts and answers."""
    topics = settings.topics
    mongo = Mongo(settings.mongo_url, f"{settings.database_prefix}_gateway")
    publisher = Publisher(topics)
    views, keys = Views(mongo), KeyRing(mongo)
    upstreams = Upstreams(
        {
            "leads": settings.leads_url,
            "followup": settings.followup_url,
            "tickets": settings.tickets_url,
            "scoring": settings.scoring_url,
        },
        settings.inner_secret.get_secret_value() if settings.inner_secret else None,
        timedelta(days=settings.backdate_days),
    )
    audit = Audit(mongo)
    projector = Consumer(
        topics,
        publisher,
        VIEWS.name,
        VIEWS.topics,
        partial(project, views, upstreams, placed, utc_now),
        batch=2_000,
        gather=VIEWS.gather,
        dead_letter_limit=settings.dead_letter_limit,
    )
    live = Live(topics, VIEWS.name, lambda: projector.handled)
    projector.on_handled = live.look
    render = renderer(utc_now, [board.page for board in BOARDS])
    ground = Ground(
        views,
        upstreams,
        live,
        keys,
        render,
        settings.address,
        utc_now,
        mongo,
        topics,
        publisher,
        settings.dead_letter_limit,
    )
    boards = [board.mount(ground) for board in BOARDS]
    parts: dict[str, Part] = {
        "topics": Cluster(topics),
        "store": mongo,
        "publisher": publisher,
        "backends": upstreams,
        "projector": projector,
        **{name: part for board in boards for name, part in board.parts.items()},
        "live": live,
        "letters": OpenDeadLetters(topics),
        "audit": audit,
    }
    routers = [
        commands.router(upstreams, keys),
        intake.router(publisher, upstreams, Imports(mongo), keys, utc_now),
        view.router(views, upstreams, live, keys, utc_now),
        quick_log.router(keys, utc_now),
        *(router for board in boards for router in board.routers),
        calendars.router(views, Feeds(mongo), keys, settings.address, utc_now),
        status.router(upstreams, topics, keys),
        lead.router(views, upstreams, live, keys, render, utc_now),
        enter.router(keys, render, settings.address),
        access.router(keys, audit, settings.address, utc_now),
        docs.router(),
    ]
    gateway = service_app(
        "gateway",
        parts,
        routers,
        guard=Admission(keys, Scope.OPERATE),
        ops=(settings.ops_host, settings.ops_port) if settings.ops_port is not None else None,
    )
    visits = Middleware(Visits, tally=Tally(settings.limits), audit=audit, public_url=settings.address)
    gateway.user_middleware.append(visits)  # inside of those that trace and measure
    gateway.mount("/static", docs.Static(directory=STATIC))
    return gateway


def main() -> None:
    serve("gateway", app, Settings)
