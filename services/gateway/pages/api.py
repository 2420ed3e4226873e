"""The pages: the live heat board, and a lead's page. HTML for people who look; programs use the API.

Nothing inline, nothing from elsewhere: the policy of every page allows only what this server sends.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs, quote, urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic_core import to_json

from services.gateway import handlers
from services.gateway.access.keys import KeyRing, Scope
from services.gateway.access.sessions import LASTS, digest
from services.gateway.access.visits import COOKIE, holder_of
from services.gateway.api import admit
from services.gateway.clients import Backends
from services.gateway.live import Live
from services.gateway.quick_log import Language
from services.gateway.store import Views
from services.gateway.text import catalogue, phrases
from services.gateway.views.view import LeadView
from shared.clock import Clock
from shared.errors import AscuaError, Forbidden, NotFound, Unavailable, Unknown
from shared.events.base import rfc3339
from shared.events.scoring import Band
from shared.web import STATUS, LeadPath

HERE = Path(__file__).parents[1]
STATIC = HERE / "static"

LINES = 50
"""Leads of a band on one page of the board."""
REASONS = 8
"""Reasons shown at once; the smaller ones are folded away."""
LISTED = 50
"""Facts that are reasons by themselves; the smaller ones are told by kind."""
FACTS = 100
LOOK_BACK = timedelta(days=30)
SHORTEST_CURVE = timedelta(minutes=10)
CURVE_POINTS = 160

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_LOCAL = re.compile(r"^/(?![/\\])[\x21-\x7e]*$")

T = TypeVar("T")
Render = Callable[..., HTMLResponse]
BandChoice = Annotated[Band | None, Query(description="One band; hot and warm, if absent.")]


def _language(request: Request, lang: str | None = None) -> Language:
    return catalogue.language_of(lang, request.headers.get("accept-language", ""))


Tongue = Annotated[Language, Depends(_language)]
CursorChoice = Annotated[str | None, Query(max_length=200)]


def router(
    views: Views, backends: Backends, live: Live, keys: KeyRing, public_url: str, clock: Clock
) -> APIRouter:
    """Pages for those who may read. Others are led to `/enter`, where a key, or a code in a link, opens a session."""
    render = renderer(clock)
    api = APIRouter(route_class=page_route(render), include_in_schema=False)
    read = [admit(keys, Scope.READ)]
    is_secure = public_url.startswith("https:")

    async def board(name: str, band: Band | None, cursor: str | None, language: Language) -> HTMLResponse:
        position, now = live.position(), clock()
        bands = [Band.HOT, Band.WARM] if band is None else [band]
        boards = await asyncio.gather(
            *(handlers.heat_board(views, each, cursor if band else None, LINES, now) for each in bands)
        )
        if band is None and not any(each.lines for each in boards):  # as after an import: all are cold
            boards = [await handlers.heat_board(views, Band.COLD, None, LINES, now)]
        query = {"band": band, "cursor": cursor if band else None, "lang": language}
        return render(
            name,
            language=language,
            boards=boards,
            band=band,
            query=urlencode({key: value for key, value in query.items() if value is not None}),
            position=position,
            base_url=public_url,
        )

    @api.get("/", dependencies=read)
    async def board_page(tongue: Tongue, band: BandChoice = None, cursor: CursorChoice = None) -> Response:
        return await board("board.html", band, cursor, tongue)

    @api.get("/board", dependencies=read)
    async def board_lines(tongue: Tongue, band: BandChoice = None, cursor: CursorChoice = None) -> Response:
        return await board("_board.html", band, cursor, tongue)

    async def lead(name: str, lead_id: str) -> HTMLResponse:
        position = live.position()
        view = await handlers.view(views, backends, lead_id)
        timeline, why = await asyncio.gather(
            _if_there(handlers.timeline(backends, lead_id, None, FACTS)),
            _if_there(backends.call("scoring", "GET", f"/leads/{lead_id}/heat/explain", limit=LISTED)),
        )
        facts = None if timeline is None else [_fact(item, lead_id) for item in timeline["items"]]
        reasons = None if why is None else phrases.reasons(why)
        return render(name, view=view, facts=facts, reasons=reasons, shown=REASONS, position=position)

    @api.get("/leads/{lead_id}", dependencies=read)
    async def lead_page(lead_id: LeadPath) -> Response:
        return await lead("lead.html", lead_id)

    @api.get("/leads/{lead_id}/now", dependencies=read)
    async def lead_now(lead_id: LeadPath) -> Response:
        return await lead("_lead.html", lead_id)

    @api.get("/leads/{lead_id}/curve", dependencies=read)
    async def curve(lead_id: LeadPath) -> Any:
        """Heat over the lead's time with us, and from now on if nothing more happens."""
        now = clock()
        start, end = _span(await handlers.view(views, backends, lead_id), now)
        span: dict[str, Any] = {"from": rfc3339(start), "to": rfc3339(end), "points": CURVE_POINTS}
        found = await backends.call("scoring", "GET", f"/leads/{lead_id}/heat/curve", **span)
        return {**found, "now": rfc3339(now)}

    @api.get("/enter")
    async def enter(request: Request, key: str | None = None, next: str = "/") -> Response:
        """`key` is a code that opens one session, as `ascua keys link` makes it: an address is no place for a key."""
        if key is None:
            return render("enter.html", next=next, wrong="")
        try:
            return begun(await keys.sessions.enter(key), next)
        except Unknown as error:
            with suppress(Forbidden):  # who comes again by the same link is in already
                await holder_of(request, keys, Scope.READ)
                return onward(next)
            return render("enter.html", HTTPStatus.UNAUTHORIZED, next=next, wrong=error.sentence)

    @api.post("/enter")
    async def enter_by_form(request: Request) -> Response:
        form = parse_qs((await request.body()).decode(errors="replace"))
        key, next = form.get("key", [""])[0].strip(), form.get("next", ["/"])[0]
        try:
            await keys.admit(key, Scope.READ)
        except Forbidden as error:
            return render("enter.html", HTTPStatus.UNAUTHORIZED, next=next, wrong=error.sentence)
        return begun(await keys.sessions.open(digest(key)), next)

    def begun(token: str, next: str) -> Response:
        answer = onward(next)
        seconds = int(LASTS.total_seconds())
        answer.set_cookie(COOKIE, token, seconds, httponly=True, samesite="strict", secure=is_secure)
        return answer

    def onward(next: str) -> Response:
        return RedirectResponse(next if _LOCAL.match(next) else "/", HTTPStatus.SEE_OTHER)

    @api.post("/leave")
    async def leave(request: Request) -> Response:
        if (token := request.cookies.get(COOKIE)) is not None:
            await keys.sessions.leave(token)
        answer = RedirectResponse("/enter", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=is_secure)
        return answer

    return api


def renderer(clock: Clock) -> Render:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ago=phrases.ago, as_json=as_json, due=phrases.due, level=phrases.level, money=phrases.money, rfc3339=rfc3339,
        said=phrases.said, words=phrases.words,
    )  # fmt: skip
    environment.globals.update(
        due_=catalogue.due, ago_=catalogue.ago, long_=catalogue.long, encode_query=urlencode, here=None
    )
    environment.tests["simulated"] = _is_simulated

    def render(
        template: str, status: HTTPStatus = HTTPStatus.OK, language: Language = Language.EN, **context: Any
    ) -> HTMLResponse:
        say = catalogue.sayer(language)
        page = environment.get_template(template)
        return _Unrendered(partial(page.render, now=clock(), say=say, lang=language, **context), status)

    return render


class _Unrendered(HTMLResponse):
    """A page whose text is made in a thread, since a long one would hold the loop; `page_route` does it."""

    def __init__(self, text: Callable[[], str], status: HTTPStatus) -> None:
        super().__init__(status_code=status)
        self._text = text

    async def rendered(self) -> HTMLResponse:
        return HTMLResponse(await asyncio.to_thread(self._text), self.status_code)


def page_route(render: Render) -> type[APIRoute]:
    """A route whose errors are told to a browser as a page, and that leads to `/enter` who has no key."""

    class Page(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def answer(request: Request) -> Response:
                try:
                    response = await handle(request)
                except (AscuaError, RequestValidationError) as error:
                    if "text/html" not in request.headers.get("accept", "") and not _is_fragment(request):
                        raise
                    response = _problem(render, request, error)
                if isinstance(response, _Unrendered):
                    response = await response.rendered()
                response.headers.update(HEADERS)
                return response

            return answer

    return Page


def _problem(render: Render, request: Request, error: AscuaError | RequestValidationError) -> Response:
    if isinstance(error, RequestValidationError):
        return render("problem.html", HTTPStatus.NOT_FOUND, sentence="There is no such page.")
    if isinstance(error, Unknown):
        if _is_fragment(request):
            return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": "/enter"})
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/enter?next={quote(asked, safe='/')}", HTTPStatus.SEE_OTHER)
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    return render("problem.html", status, sentence=error.sentence)


def _is_fragment(request: Request) -> bool:
    return "hx-request" in request.headers


def as_json(value: object) -> str:
    """What a page's script reads."""
    return to_json(value, exclude_none=True).decode()


def _is_simulated(view: LeadView) -> bool:
    return view.origin == "simulated" or (view.campaign or "").startswith("sim_")


def _fact(item: Mapping[str, Any], lead_id: str) -> phrases.Fact:
    fact = phrases.fact(item)
    return fact if item["lead_id"] == lead_id else replace(fact, member=item["lead_id"])


async def _if_there(answer: Awaitable[T]) -> T | None:
    """The answer, or None while it cannot be had: a page shows what there is."""
    try:
        return await answer
    except (NotFound, Unavailable):
        return None


def _span(view: LeadView, now: datetime) -> tuple[datetime, datetime]:
    """What a lead's curve shows: since its capture, and a third more to come. An old story ends with its last news."""
    told = view.heat.at if view.heat is not None else now
    last = now if now - told < LOOK_BACK else told
    start = max(view.captured_at or last, last - LOOK_BACK)
    length = max(last - start, SHORTEST_CURVE)
    return last - length * 1.05, last + length / 3
