"""The API's description for people: Swagger UI from this server's own files, under a policy of its own."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

HEADERS: Final = {
    # It writes styles into its elements, and carries small pictures along.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ascua API</title>
<link rel="icon" href="/static/ember.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/vendor/swagger-ui/swagger-ui.css.gz">
<script src="/static/vendor/swagger-ui/swagger-ui-bundle.js.gz" defer></script>
<script src="/static/docs.js" type="module"></script>
</head>
<body><div id="docs"></div></body>
</html>
"""


def router() -> APIRouter:
    api = APIRouter(include_in_schema=False)

    @api.get("/docs")
    async def docs() -> Response:
        return HTMLResponse(_PAGE, headers=HEADERS)

    return api


class Static(StaticFiles):
    """Files as they lie there, some of them packed; a browser asks each time whether they are still the same."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "no-cache"
        if path.endswith(".gz") and answer.status_code == 200:
            answer.headers["Content-Encoding"] = "gzip"
            answer.headers["Content-Type"] = "text/css" if path.endswith(".css.gz") else "text/javascript"
        return answer
