"""What those see who run a process is for them; and nobody can make it grow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http import HTTPMethod, HTTPStatus

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Role,
)
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.topics import NAMES
from shared.embedded.home import free_port
from shared.errors import Unavailable, Unknown
from shared.installation import SERVICES
from shared.mongo import Mongo
from shared.ops import OpsPort
from shared.service import service_app
from shared.web import web_app
from tests.conftest import System
from tests.waiting import until

STRANGE = ("get", "BREW", "X" * 200, *(f"M{number}" for number in range(50)))
PATHS = ("/", "/v1/leads/no-such", "/%2e%2e/etc", "/a\u0301", "/v1/" + "x" * 2_000, "/static/no", "/metrics/")
LONGEST = 80
CLOSED = {
    "method": {*HTTPMethod, "other"}.__contains__,
    "status": {*(str(int(status)) for status in HTTPStatus), "499"}.__contains__,
    "topic": NAMES.__contains__,
    "route": lambda route: route == "unmatched" or all(path not in route for path in PATHS[1:]),
    "service": lambda name: name.partition("-")[0] in SERVICES,
    "consumer": re.compile(r"[a-z-]+").fullmatch,
    "outcome": re.compile(r"[a-z_]+").fullmatch,
    "reason": re.compile(r"[a-z-]+").fullmatch,
    "collection": re.compile(r"[a-z_-]+").fullmatch,
}
"""What the labels may be."""


def families(text: str) -> Iterator[Metric]:
    yield from text_string_to_metric_families(text)


async def test_no_client_can_make_the_metrics_grow(system: System) -> None:
    """The labels of all metrics of all services are closed sets, whatever was asked and written."""
    publisher = Publisher(system.addresses.topics)
    await publisher.start()
    for number in range(20):
        headers = {"consumer": "scoring", "topic": f"nowhere-{number}", "partition": "0", "offset": "1"}
        listed = tuple((name, value.encode()) for name, value in headers.items())
        await publisher.publish(Outgoing("replays", f"lead-{number}", b"{}", listed))
    await publisher.stop()
    sizes = {}
    async with httpx.AsyncClient(timeout=30) as client:
        for name in SERVICES:
            url = system.addresses.url(name)
            key = {"authorization": f"Bearer {system.key}"}
            await asyncio.gather(*(client.request(method, f"{url}/healthz") for method in STRANGE))
            await asyncio.gather(*(client.request("GET", url + path) for path in PATHS))
            text = (await client.get(f"{url}/metrics", headers=key)).raise_for_status().text
            again = (await client.get(f"{url}/metrics", headers=key)).text
            sizes[name] = (text.count("\n"), again.count("\n"))
            for family in families(text):
                for sample in family.samples:
                    for label, value in sample.labels.items():
                        assert len(value) < LONGEST, (name, sample.name, label)
                        if family.name.startswith("ascua_") and label != "le":
                            assert CLOSED[label](value), (name, sample.name, label, value)
            methods = {
                sample.labels["method"]
                for family in families(text)
                for sample in family.samples
                if "method" in sample.labels
            }
            assert "other" in methods
    assert all(after - before < 50 for before, after in sizes.values()), sizes


async def test_a_stranger_hears_that_the_gateway_is_ready_and_no_more(system: System) -> None:
    async with (
        httpx.AsyncClient(base_url=system.gateway, timeout=30) as stranger,
        system.client() as operator,
    ):
        ready = await stranger.get("/readyz")
        refused = [await stranger.get(path) for path in ("/metrics", "/status")]
        told = await operator.get("/readyz")
        shown = [await operator.get(path) for path in ("/metrics", "/status")]
        key = await _a_reps_key(system)
        rep = [
            await stranger.get(path, headers={"authorization": f"Bearer {key}"})
            for path in ("/metrics", "/status", "/readyz")
        ]

    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
    assert [answer.status_code for answer in refused] == [401, 401]
    assert told.json() == {"status": "ready", "missing": {}, "restart_helps": False}
    assert [answer.status_code for answer in shown] == [200, 200]
    assert [answer.status_code for answer in rep] == [403, 403, 200]
    assert rep[-1].json() == {"status": "ready"}


async def _a_reps_key(system: System) -> str:
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    try:
        return await KeyRing(mongo).create("marta", Role.REP)
    finally:
        await mongo.stop()


async def _nobody(_: Request) -> None:
    raise Unknown("key-missing", "send a key")


class Away:
    """A part whose server is away."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def check(self) -> None:
        raise Unavailable("store-unreachable", "the store of Ana does not answer")

    def status(self) -> dict[str, object]:
        return {"secret": 1}


async def test_a_port_of_its_own_tells_what_the_door_does_not() -> None:
    port = free_port()
    app = service_app("gateway", {"store": Away()}, [], guard=_nobody, ops=("127.0.0.1", port))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway") as door,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as ops,
    ):
        ready, seen = await door.get("/readyz"), await ops.get("/readyz")
        paths = ("/metrics", "/status")
        shut, shown = [await door.get(path) for path in paths], [await ops.get(path) for path in paths]
        with pytest.raises(Unavailable, match=str(port)):
            await OpsPort(FastAPI(), "127.0.0.1", port).start()

    assert (ready.status_code, ready.json()) == (503, {"status": "missing"})
    assert (seen.status_code, seen.json()["missing"]) == (503, {"store": "the store of Ana does not answer"})
    assert [answer.status_code for answer in shut] == [401, 401]
    assert [answer.status_code for answer in shown] == [200, 200]
    assert "secret" in shown[1].text
    with pytest.raises(httpx.TransportError):
        async with httpx.AsyncClient() as later:
            await later.get(f"http://127.0.0.1:{port}/readyz")


async def test_a_stream_is_no_latency_and_a_client_that_left_is_counted_as_that() -> None:
    api = APIRouter()

    async def words() -> AsyncIterator[bytes]:
        yield b"data: one\n\n"

    @api.get("/words-that-last")
    async def stream() -> StreamingResponse:
        return StreamingResponse(words(), media_type="text/event-stream")

    began = asyncio.Event()

    @api.get("/long-work")
    async def work() -> None:
        began.set()
        await asyncio.Event().wait()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = web_app("leads", [api], checks={}, status=dict, lifespan=lifespan, version="0")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://leads") as client:
        assert (await client.get("/words-that-last")).text == "data: one\n\n"
        messages = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, object]:
            if (message := next(messages, None)) is not None:
                return message
            await began.wait()
            return {"type": "http.disconnect"}

        async def send(_: object) -> None: ...

        scope = {
            "type": "http", "method": "GET", "path": "/long-work", "raw_path": b"/long-work",
            "query_string": b"", "headers": [], "http_version": "1.1", "scheme": "http",
            "server": ("leads", 80), "root_path": "",
        }  # fmt: skip
        await asyncio.wait_for(app(scope, receive, send), 30)  # type: ignore[arg-type]

        async def is_counted() -> bool:
            text = (await client.get("/metrics")).text
            return 'route="/long-work",service="leads",status="499"' in text

        await until(is_counted)
        metrics = (await client.get("/metrics")).text
    assert 'ascua_http_requests_total{method="GET",route="/words-that-last"' in metrics
    assert 'ascua_http_request_seconds_count{route="/words-that-last"' not in metrics
