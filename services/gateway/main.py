"""The gateway process."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from services.gateway import api, boards, calendars, pages, work
from services.gateway.backends import Backends
from services.gateway.feeds import Feeds
from services.gateway.handlers import PROJECTED, TRACED, TRACER, follow_trails, project
from services.gateway.keys import KeyRing
from services.gateway.live import Live
from services.gateway.store import Imports, Trails, Views
from shared.bus import Consumer, OpenLetters, Publisher, Topics
from shared.clock import utc_now
from shared.mongo import Mongo
from shared.service import Part, serve, service_app
from shared.settings import Port, ServiceSettings, Url

PROJECTOR = "gateway"


class Settings(ServiceSettings):
    port: Port = 8000
    leads_url: Url = "http://127.0.0.1:8001"
    followup_url: Url = "http://127.0.0.1:8002"
    tickets_url: Url = "http://127.0.0.1:8003"
    scoring_url: Url = "http://127.0.0.1:8004"


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
        }
    )
    live = Live(topics, PROJECTOR)
    projector = Consumer(
        topics,
        publisher,
        PROJECTOR,
        PROJECTED,
        partial(project, views, backends),
        batch=2_000,
        dead_letter_limit=settings.dead_letter_limit,
    )
    tracer = Consumer(
        topics,
        publisher,
        TRACER,
        TRACED,
        partial(follow_trails, trails),
        batch=2_000,
        dead_letter_limit=settings.dead_letter_limit,
    )
    parts: dict[str, Part] = {
        "topics": topics,
        "store": mongo,
        "publisher": publisher,
        "backends": backends,
        "projector": projector,
        "tracer": tracer,
        "live": live,
        "letters": OpenLetters(topics),
    }
    routers = [
        api.commands(backends, keys),
        api.playbooks(backends, keys),
        api.intake(publisher, backends, imports, keys, utc_now),
        api.reads(views, backends, live, keys, topics, utc_now),
        boards.router(views, trails, backends, keys, utc_now),
        calendars.router(views, Feeds(mongo), keys, utc_now),
        work.router(views, trails, backends, live, keys, utc_now),
        pages.router(views, backends, live, keys, utc_now),
    ]
    gateway = service_app("gateway", parts, routers)
    gateway.mount("/static", StaticFiles(directory=pages.STATIC))
    return gateway


def main() -> None:
    serve("gateway", app, Settings)
