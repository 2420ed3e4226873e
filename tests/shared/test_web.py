"""Every answer that is not a success is a problem a person understands, and says which request it belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from structlog.testing import capture_logs

from shared.errors import AscuaError, Conflict, Forbidden, NotFound, Refused, Unavailable, Unknown
from shared.logs import current_trace
from shared.web import MAX_BODY_BYTES, web_app

ERRORS: dict[str, tuple[AscuaError, int]] = {
    "absent": (NotFound("absent", "there is none"), 404),
    "busy": (Conflict("busy", "somebody was faster"), 409),
    "forbidden": (Forbidden("forbidden", "not with this key"), 403),
    "key-missing": (Unknown("key-missing", "send a key"), 401),
    "refused": (Refused("refused", "not allowed"), 422),
    "away": (Unavailable("away", "try again"), 503),
}


class Words(BaseModel):
    words: str


def routes() -> APIRouter:
    api = APIRouter()

    @api.get("/errors/{slug}")
    async def fail(slug: str) -> None:
        raise ERRORS[slug][0]

    @api.get("/trace")
    async def trace() -> dict[str, str | None]:
        return {"correlation_id": current_trace().correlation_id, "parent": current_trace().traceparent}

    @api.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    @api.post("/words")
    async def words(words: Words) -> int:
        return len(words.words)

    return api


async def _ready() -> None:
    pass


async def _away() -> None:
    raise Unavailable("store-unreachable", "the store does not answer")


def app(**checks: object) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    return web_app(
        "leads",
        [routes()],
        checks=checks or {"store": _ready},  # type: ignore[arg-type]
        status=dict,
        lifespan=lifespan,
        version="0",
    )


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://leads") as client:
        yield client


@pytest.mark.parametrize("slug", ERRORS)
async def test_each_error_has_its_status_and_keeps_its_sentence(client: httpx.AsyncClient, slug: str) -> None:
    answer = await client.get(f"/errors/{slug}", headers={"x-request-id": "r-1"})
    error, status = ERRORS[slug]

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": f"urn:ascua:problem:{slug}",
        "title": answer.reason_phrase,
        "status": status,
        "detail": error.sentence,
        "instance": "r-1",
    }
    assert ("retry-after" in answer.headers) == (status == 503)
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_a_bug_is_a_problem_too_and_can_be_found_in_the_log(client: httpx.AsyncClient) -> None:
    answer = await client.get("/errors/nobody-thought-of-it", headers={"x-request-id": "r-2"})

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "r-2"
    assert answer.json()["instance"] == "r-2"
    assert "nobody" not in answer.text


async def test_a_client_that_leaves_is_no_error() -> None:
    async def left() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        raise AssertionError("there is nobody to answer")

    scope = {
        "type": "http", "method": "POST", "path": "/length", "raw_path": b"/length", "query_string": b"",
        "headers": [], "http_version": "1.1", "scheme": "http", "server": ("leads", 80), "root_path": "",
    }  # fmt: skip
    with capture_logs() as logs:
        await app()(scope, left, send)  # type: ignore[arg-type]
    assert logs == []


async def test_what_nobody_serves_is_a_problem(client: httpx.AsyncClient) -> None:
    for answer, status in [(await client.get("/nothing"), 404), (await client.get("/words"), 405)]:
        assert answer.status_code == answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_request_keeps_its_id_or_gets_one(client: httpx.AsyncClient) -> None:
    parent = f"00-{'a' * 32}-{'b' * 16}-01"
    given = await client.get("/trace", headers={"x-request-id": "mine-1", "traceparent": parent})
    assert given.json() == {"correlation_id": "mine-1", "parent": parent}
    assert given.headers["x-request-id"] == "mine-1"

    for unfit in ({}, {"x-request-id": "two words"}, {"x-request-id": "x" * 65}, {"traceparent": "nonsense"}):
        made = await client.get("/trace", headers=unfit)
        assert made.json() == {"correlation_id": made.headers["x-request-id"], "parent": None}
        assert len(made.headers["x-request-id"]) == 36


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_large_is_not_read_to_its_end(announced: bool) -> None:
    read = 0

    async def receive() -> dict[str, object]:
        nonlocal read
        read += 1 << 20
        return {"type": "http.request", "body": bytes(1 << 20), "more_body": True}

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"x-request-id", b"r-3")]
    if announced:
        headers.append((b"content-length", b"10485760"))
    scope = {
        "type": "http", "method": "POST", "path": "/words", "raw_path": b"/words", "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("leads", 80), "root_path": "",
    }  # fmt: skip
    await app()(scope, receive, send)  # type: ignore[arg-type]

    assert sent[0]["status"] == 413
    assert (b"x-request-id", b"r-3") in sent[0]["headers"]  # type: ignore[operator]
    assert b"urn:ascua:problem:body-too-large" in sent[1]["body"]  # type: ignore[operator]
    assert read <= (0 if announced else MAX_BODY_BYTES + (1 << 20))


async def test_a_body_just_small_enough_is_taken(client: httpx.AsyncClient) -> None:
    length = MAX_BODY_BYTES - len('{"words":""}')
    answer = await client.post("/words", json={"words": "x" * length})
    assert (answer.status_code, answer.json()) == (200, length)


async def test_readiness_names_what_is_missing_and_why() -> None:
    transport = httpx.ASGITransport(app(store=_away, publisher=_ready))
    async with httpx.AsyncClient(transport=transport, base_url="http://leads") as client:
        ready, alive = await client.get("/readyz"), await client.get("/healthz")

    assert (ready.status_code, alive.status_code) == (503, 200)
    assert ready.json() == {
        "status": "missing",
        "restart_helps": True,
        "missing": {"store": "the store does not answer"},
    }


async def test_requests_are_measured_by_route_and_not_by_what_is_in_it(client: httpx.AsyncClient) -> None:
    await client.get("/errors/absent")
    metrics = (await client.get("/metrics")).text

    assert 'ascua_http_requests_total{method="GET",route="/errors/{slug}"' in metrics
    assert "/errors/absent" not in metrics
