"""The views follow what the services tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from services.gateway.clients import Upstreams
from services.gateway.views.store import Views
from services.gateway.views.view import LeadView, follow
from shared.bus.received import Received
from shared.clock import Clock
from shared.commands.leads import Profile
from shared.documents import Decision
from shared.errors import AscuaError
from shared.events.base import Event, Recorded
from shared.events.leads import LeadCaptured
from shared.reactions import Reactions

Placed = Callable[[LeadView, datetime], LeadView]
"""The view with what boards order it by, as of an instant."""


async def project(
    views: Views, upstreams: Upstreams, placed: Placed, clock: Clock, batch: Sequence[Received]
) -> list[AscuaError | None]:
    """Follow a batch of events. Profiles are not in the log: those of new leads are fetched from their owner."""
    captured = [
        received.event.lead_id for received in batch if isinstance(received.event.event, LeadCaptured)
    ]
    profiles = await upstreams.profiles(captured) if captured else {}
    return await Reactions(LeadView, partial(_follow, profiles, placed, clock())).handle(views, batch)


def _follow(
    profiles: Mapping[str, Profile], placed: Placed, now: datetime, view: LeadView, recorded: Recorded[Event]
) -> Decision[LeadView]:
    view = follow(view, recorded.event)
    if isinstance(recorded.event, LeadCaptured):
        view = view.named(profiles.get(view.lead_id))
    return placed(view, now), ()
