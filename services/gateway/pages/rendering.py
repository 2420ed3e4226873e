"""How pages are made of templates and words: HTML for people who look; programs use the API.

Nothing inline, nothing from elsewhere: the policy of every page allows only what this server sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo, available_timezones

from fastapi import Cookie, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic_core import to_json

from services.gateway.quick_log import Language
from services.gateway.text import catalogue, durations, phrases
from services.gateway.text.catalogue import Words
from services.gateway.views.view import LeadView
from shared.clock import Clock
from shared.errors import AscuaError, Unknown
from shared.events.base import rfc3339
from shared.web import STATUS

HERE = Path(__file__).parents[1]
STATIC = HERE / "static"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

Render = Callable[..., "Unrendered"]


def _language(request: Request, lang: str | None = None) -> Language:
    return catalogue.language_of(lang, request.headers.get("accept-language", ""))


def _zone(zone: str | None = None, ascua_zone: Annotated[str | None, Cookie()] = None) -> ZoneInfo:
    """What was asked for, or else where the browser says it is."""
    return ZoneInfo(next((name for name in (zone, ascua_zone) if name in available_timezones()), "UTC"))


Tongue = Annotated[Language, Depends(_language)]
WallClock = Annotated[ZoneInfo, Depends(_zone)]


@dataclass(frozen=True, slots=True)
class Page:
    """A page that every other one leads to: what it is called (`nav_<name>` among its words), where, what it says."""

    name: str
    path: str
    words: Words


def renderer(clock: Clock, pages: Sequence[Page]) -> Render:
    """What renders templates: those of `templates/`, and those of a board by its name, such as `day/day.html`."""
    words = [page.words for page in pages]
    environment = Environment(
        loader=FileSystemLoader([HERE / "templates", HERE / "boards"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        as_json=as_json, level=phrases.level, money=phrases.money, rfc3339=rfc3339, said=phrases.said,
        words=phrases.words,
    )  # fmt: skip
    environment.globals.update(
        due_=durations.due,
        ago_=durations.ago,
        long_=partial(durations.duration, is_measured=True),
        encode_query=urlencode,
        pages=pages,
        here=None,
    )
    environment.tests["simulated"] = _is_simulated

    def render(
        template: str, status: HTTPStatus = HTTPStatus.OK, language: Language = Language.EN, **context: Any
    ) -> Unrendered:
        say = catalogue.sayer(language, *words)
        page = environment.get_template(template)
        return Unrendered(partial(page.render, now=clock(), say=say, lang=language, **context), status)

    return render


class Unrendered(HTMLResponse):
    """A page whose text is made in a thread, since a long one would hold the loop; `page_route` does it."""

    def __init__(self, text: Callable[[], str], status: HTTPStatus) -> None:
        super().__init__(status_code=status)
        self.text = text

    async def rendered(self) -> HTMLResponse:
        return HTMLResponse(await asyncio.to_thread(self.text), self.status_code)


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
                if isinstance(response, Unrendered):
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
