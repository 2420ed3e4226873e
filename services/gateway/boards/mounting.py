"""What every board is given, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.clients import Upstreams
from services.gateway.live import Live
from services.gateway.pages.rendering import Page, Render
from services.gateway.views.store import Views
from shared.bus.publisher import Publisher
from shared.bus.topics import Topics
from shared.clock import Clock
from shared.mongo import Mongo
from shared.service import Part


@dataclass(frozen=True, slots=True)
class Ground:
    """What boards stand on: the views, and what one needs to follow events into a store of its own."""

    views: Views
    upstreams: Upstreams
    live: Live
    keys: KeyRing
    render: Render
    public_url: str
    clock: Clock
    mongo: Mongo
    topics: Topics
    publisher: Publisher
    dead_letter_limit: int


@dataclass(frozen=True, slots=True)
class Mounted:
    """A board's routes and pages, and the parts of the process that keep it right."""

    routers: Sequence[APIRouter]
    parts: Mapping[str, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MountableBoard:
    """A board, before it stands on anything: its page, and how it is mounted."""

    page: Page
    mount: Callable[[Ground], Mounted]
