"""Calendar feeds over HTTP: making and closing the secret links, and what they show."""

from __future__ import annotations

import hashlib
from asyncio import to_thread
from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from services.gateway.access.admission import KeyFirst, admit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Holder,
    Role,
    Scope,
)
from services.gateway.calendar_feeds import ical as agenda
from services.gateway.calendar_feeds.commands import (
    OpenCalendar,
)
from services.gateway.calendar_feeds.feeds import Feed, Feeds
from services.gateway.quick_log import Language
from services.gateway.text import catalogue
from services.gateway.views.store import Views
from shared.clock import Clock
from shared.errors import Forbidden, NotFound, Refused
from shared.events.base import Instant

BACK = timedelta(days=30)
AHEAD = timedelta(days=366)
STEPS = 500
HEADERS = {
    "Cache-Control": "private, max-age=300",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


class CalendarLink(BaseModel):
    """A feed, without its link: that was shown once."""

    id: str
    rep: str
    zone: str
    language: Language
    names: bool
    created_at: Instant


class CalendarOpened(CalendarLink):
    url: str = Field(description="The secret link. It is not shown again; whoever has it reads the steps.")


def router(views: Views, feeds: Feeds, keys: KeyRing, public_url: str, clock: Clock) -> APIRouter:
    api = APIRouter(tags=["calendars"], route_class=KeyFirst)
    worker = admit(keys, Scope.WORK)

    @api.post("/v1/calendars", status_code=201, summary="Make a secret link to a rep's steps, as iCalendar")
    async def open_calendar(body: OpenCalendar, holder: Holder = worker) -> CalendarOpened:
        rep = body.rep or holder.rep
        if rep is None:
            raise Refused("rep-missing", 'say whose steps the calendar shows, as in {"rep": "marta"}')
        _may(holder, rep)
        token, feed = await feeds.open(rep, body.zone, Language(body.language), body.names)
        return CalendarOpened(**_told(feed).model_dump(), url=f"{public_url}calendars/{token}/steps.ics")

    @api.get("/v1/calendars", summary="The links there are, without what opens them")
    async def calendars(holder: Holder = worker) -> list[CalendarLink]:
        """All for an operator; for a rep their own."""
        return [
            _told(feed)
            for feed in await feeds.all()
            if holder.role is Role.OPERATOR or feed.rep == holder.rep
        ]

    @api.delete("/v1/calendars/{id}", status_code=204, summary="Revoke a link")
    async def close_calendar(
        id: Annotated[str, Path(pattern="^[0-9a-f]{64}$")], holder: Holder = worker
    ) -> None:
        if (feed := await feeds.get(id)) is None:
            raise NotFound("calendar-not-found", "there is no such calendar; it may have been revoked")
        _may(holder, feed.rep)
        await feeds.close(id)

    @api.get(
        "/calendars/{token}/steps.ics",
        summary="A rep's steps as iCalendar",
        response_class=Response,
        responses={200: {"content": {"text/calendar": {}}}},
    )
    async def ics(token: Annotated[str, Path(max_length=100)], request: Request) -> Response:
        """The secret link is all that opens it. Send the ETag back, and an unchanged calendar is answered 304."""
        feed = await feeds.by_token(token)
        if feed is None:
            raise NotFound("calendar-not-found", "this link opens nothing; it may have been revoked")
        now = clock()
        steps = await views.steps(feed.rep, now - BACK, now + AHEAD, STEPS)
        say = catalogue.sayer(feed.language)
        body = await to_thread(
            agenda.calendar, steps, feed.rep, ZoneInfo(feed.zone), feed.names, public_url, say
        )
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {**HEADERS, "ETag": etag}
        known = request.headers.get("if-none-match", "")
        if etag in (each.strip().removeprefix("W/") for each in known.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="text/calendar; charset=utf-8", headers=headers)

    return api


def _may(holder: Holder, rep: str) -> None:
    """Raises `Forbidden` when this is somebody else's calendar."""
    if holder.role is not Role.OPERATOR and rep != holder.rep:
        raise Forbidden(
            "calendar-not-yours", "a rep's key opens that rep's calendar only: it is named for them"
        )


def _told(feed: Feed) -> CalendarLink:
    return CalendarLink(
        id=feed.id,
        rep=feed.rep,
        zone=feed.zone,
        language=feed.language,
        names=feed.names,
        created_at=feed.created_at,
    )
