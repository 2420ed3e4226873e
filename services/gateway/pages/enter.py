"""Where a person gives their key, which a cookie keeps."""

from __future__ import annotations

import re
from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway.access.admission import COOKIE
from services.gateway.access.keys import KeyRing, Scope
from services.gateway.pages.rendering import Render, page_route
from shared.errors import Forbidden

COOKIE_SECONDS = 30 * 24 * 3600
_LOCAL = re.compile(r"^/(?![/\\])[\x21-\x7e]*$")


def router(keys: KeyRing, render: Render, public_url: str) -> APIRouter:
    api = APIRouter(route_class=page_route(render), include_in_schema=False)

    @api.get("/enter")
    async def enter(request: Request, key: str | None = None, next: str = "/") -> Response:
        return render("enter.html", next=next, wrong="") if key is None else await admitted(key, next)

    @api.post("/enter")
    async def enter_by_form(request: Request) -> Response:
        form = parse_qs((await request.body()).decode(errors="replace"))
        return await admitted(form.get("key", [""])[0].strip(), form.get("next", ["/"])[0])

    async def admitted(key: str, next: str) -> Response:
        try:
            await keys.admit(key, Scope.READ)
        except Forbidden as error:
            return render("enter.html", HTTPStatus.UNAUTHORIZED, next=next, wrong=error.sentence)
        answer = RedirectResponse(next if _LOCAL.match(next) else "/", HTTPStatus.SEE_OTHER)
        secure = public_url.startswith("https:")
        answer.set_cookie(COOKIE, key, COOKIE_SECONDS, httponly=True, samesite="strict", secure=secure)
        return answer

    @api.post("/leave")
    async def leave() -> Response:
        answer = RedirectResponse("/enter", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    return api
