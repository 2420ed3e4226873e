"""Where a person gives their key, or comes by a link with a code: either opens a session."""

from __future__ import annotations

import re
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.access.sessions import LASTS, digest
from services.gateway.access.visits import COOKIE, holder_of
from services.gateway.pages.rendering import Render, page_route
from shared.errors import Forbidden, Unknown

_LOCAL = re.compile(r"^/(?![/\\])[\x21-\x7e]*$")


def router(keys: KeyRing, render: Render, public_url: str) -> APIRouter:
    api = APIRouter(route_class=page_route(render), include_in_schema=False)
    is_secure = public_url.startswith("https:")

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
