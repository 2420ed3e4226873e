"""HTTP as every service speaks it: problem details, health, readiness, metrics, request ids, a limit on bodies."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from math import ceil
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import metrics
from shared.client_gone import Abandoned
from shared.clock import new_id
from shared.errors import AscuaError, Conflict, Forbidden, NotFound, Refused, TooMany, Unavailable, Unknown
from shared.events.base import LeadId, Trace
from shared.logs import current_trace, logger, tracing
from shared.readiness import Check, Readiness
from shared.request_limits import BodyInTime
from shared.wording import in_words

MAX_BODY_BYTES = 2 * 1024 * 1024
GONE = 499
"""What is counted as the status of a request whose client left before the answer; nobody is sent it."""

STATUS: tuple[tuple[type[AscuaError], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (Unknown, HTTPStatus.UNAUTHORIZED),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (TooMany, HTTPStatus.TOO_MANY_REQUESTS),
    (Refused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The one table from errors to HTTP; the first that fits counts."""

_TRACEPARENT = re.compile(r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
_REQUEST_ID = re.compile(r"^[A-Za-z0-9_-]{1,64}$")

LeadPath = Annotated[LeadId, Path()]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=128,
        pattern=r"^[\x21-\x7e]+$",
        description="Sending the same command for the same lead or ticket again with the same key has no further "
        "effect; with another body it is refused.",
    ),
]

Admission = Callable[[Request], Awaitable[object]]


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(examples=["urn:ascua:problem:lead-not-found"])
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[dict[str, str]] | None = Field(
        None, description="Where the request is wrong: JSON pointer and why."
    )


PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "The request is wrong or not allowed; `detail` says why."},
    "5XX": {"model": Problem, "description": "Try again: the same Idempotency-Key or id makes it safe."},
}


def problem(
    slug: str,
    status: HTTPStatus,
    detail: str,
    headers: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> JSONResponse:
    body = Problem(
        type=f"urn:ascua:problem:{slug}",
        title=status.phrase,
        status=status,
        detail=detail,
        instance=current_trace().correlation_id,
        errors=errors,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True), status, headers=headers, media_type="application/problem+json"
    )


def web_app(
    service: str,
    routers: Sequence[APIRouter],
    *,
    checks: Mapping[str, Check],
    status: Callable[[], dict[str, Any]],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    version: str,
    description: str = "",
    guard: Admission | None = None,
) -> FastAPI:
    """The application of one service. `checks` raise when a dependency is missing; `/readyz` says which.

    `guard` raises `Forbidden` for those who may not see details, metrics and status; without it everybody may.
    """
    app = _Described(
        title=f"Ascua {service}",
        version=version,
        description=description,
        lifespan=lifespan,
        responses=PROBLEMS,
        docs_url=None,
        redoc_url=None,
    )
    for router in routers:
        app.include_router(router)
    app.include_router(operations(checks, status, guard))
    app.add_exception_handler(AscuaError, _on_ascua_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_bug)
    app.add_middleware(BodyInTime)
    app.add_middleware(_Limited)
    app.add_middleware(Abandoned)
    app.add_middleware(_Observed, service=service)
    return app


class _Described(FastAPI):
    """Its description says that problems are problems: FastAPI would have them as plain JSON, and two forms of 422."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            described = super().openapi()
            for operation in (each for path in described["paths"].values() for each in path.values()):
                answers = operation["responses"]
                operation["responses"] = {
                    code: {**answer, "content": _PROBLEM} if code[0] in "45" else answer
                    for code, answer in answers.items()
                    if code != "422"
                }
            for name in ("HTTPValidationError", "ValidationError"):
                described["components"]["schemas"].pop(name, None)
        return self.openapi_schema or {}


_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def operations(
    checks: Mapping[str, Check], status: Callable[[], dict[str, Any]], guard: Admission | None = None
) -> APIRouter:
    """What those ask who run a process."""
    router = APIRouter(tags=["operations"])
    readiness = Readiness(checks)
    guarded = [] if guard is None else [Depends(guard)]

    async def may_see(request: Request) -> bool:
        if guard is None:
            return True
        try:
            await guard(request)
        except (Forbidden, Unavailable):
            return False
        return True

    @router.get("/healthz", summary="Is the process alive?")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @router.get("/readyz", summary="Can it do its work, and if not, what is missing?")
    async def readyz(request: Request) -> JSONResponse:
        missing = await readiness.look()
        document: dict[str, Any] = {"status": "missing" if missing.parts else "ready"}
        if await may_see(request):
            document |= {"missing": missing.parts, "restart_helps": missing.restart_helps}
        return JSONResponse(document, HTTPStatus.SERVICE_UNAVAILABLE if missing.parts else HTTPStatus.OK)

    @router.get("/metrics", summary="Prometheus metrics", response_class=Response, dependencies=guarded)
    async def prometheus() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @router.get(
        "/status",
        summary="What the parts of this process are doing",
        include_in_schema=False,
        dependencies=guarded,
    )
    async def parts() -> dict[str, Any]:
        return status()

    return router


async def _on_ascua_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AscuaError)
    return told(error)


def told(error: AscuaError) -> JSONResponse:
    """An error as HTTP tells it."""
    status = next(status for kind, status in STATUS if isinstance(error, kind))
    headers = {}
    if isinstance(error, Unavailable):
        headers["Retry-After"] = "1"
    if isinstance(error, TooMany):
        headers["Retry-After"] = str(max(1, ceil(error.seconds)))
    if isinstance(error, Unknown):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(error.slug, status, error.sentence, headers)


async def _on_invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "pointer": "/" + "/".join(str(part) for part in each["loc"][1:]),
            "in": str(each["loc"][0]),
            "detail": in_words(each),
        }
        for each in error.errors()
    ]
    first = errors[0]
    detail = f"{first['in']} {first['pointer']}: {first['detail']}"
    return problem("invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


async def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    headers, detail = dict(error.headers or {}), str(error.detail)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request)) or "GET, HEAD"  # of files
        detail = f"this address takes {headers['Allow']}"
    elif detail == status.phrase:
        detail = "there is nothing at this address" if status == HTTPStatus.NOT_FOUND else detail
    slug = _TOO_LARGE_SLUG if status == 413 else status.phrase.lower().replace(" ", "-")
    return problem(slug, status, detail, headers)


def _methods(request: Request) -> list[str]:
    """All that may be asked at a path: each method is a route of its own, and the first one only knows itself."""
    routes = request.app.router.routes
    return [
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


_GUARDS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""What every answer says that does not say otherwise."""


async def _on_bug(_: Request, __: Exception) -> JSONResponse:
    return problem("internal-error", HTTPStatus.INTERNAL_SERVER_ERROR, "this is our fault and is in the log")


class _Observed:
    """Binds the trace of a request, answers with its id, also when the application failed, and measures."""

    def __init__(self, app: ASGIApp, service: str) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given, parent = headers.get("x-request-id", ""), headers.get("traceparent", "")
        request_id = given if _REQUEST_ID.match(given) else new_id()
        trace = Trace(parent if _TRACEPARENT.match(parent) else None, request_id)
        started, status, is_stream = time.perf_counter(), 0, False

        async def stamped(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", []))
                said = {name.lower(): value for name, value in headers}
                is_stream = said.get(b"content-type", b"").startswith(b"text/event-stream")
                headers += [(b"x-request-id", request_id.encode())]
                message["headers"] = headers + [each for each in _GUARDS if each[0] not in said]
            await send(message)

        with tracing(trace):
            try:
                await self._app(scope, receive, stamped)
            except ClientDisconnect:
                pass  # counted as gone
            except Exception as error:
                logger().error("request_failed", exc_info=error)
                if status:
                    raise
                answer = problem(
                    "internal-error", HTTPStatus.INTERNAL_SERVER_ERROR, "this is our fault and is in the log"
                )
                await answer(scope, receive, stamped)
            finally:
                route = getattr(scope.get("route"), "path", "unmatched")
                method = metrics.method(scope["method"])
                metrics.REQUESTS.labels(self._service, method, route, str(status or GONE)).inc()
                if not is_stream:
                    metrics.REQUEST_SECONDS.labels(self._service, route).observe(
                        time.perf_counter() - started
                    )


class _Limited:
    """Answers 413 to a body over `MAX_BODY_BYTES`, announced or not, without reading the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > MAX_BODY_BYTES:
            await self._refuse(scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY_BYTES:
                raise HTTPException(413, _TOO_LARGE)
            return message

        await self._app(scope, counted, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not closed at once: what the client still sends would reset the connection, and the answer with it.
        answer = problem(_TOO_LARGE_SLUG, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LARGE)
        await answer(scope, receive, send)


_TOO_LARGE_SLUG = "body-too-large"
_TOO_LARGE = f"a body may have {MAX_BODY_BYTES} bytes; send it in parts"
