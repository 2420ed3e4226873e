"""A slow client holds no connection for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from shared.request_limits import BodyInTime, Prompt

SOON = 0.2


class Quick(Prompt):
    head_seconds = SOON


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def refused(_: Request) -> PlainTextResponse:
    return PlainTextResponse("no", status_code=403)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Starlette(
        routes=[Route("/", length, methods=["GET", "POST"]), Route("/refused", refused, methods=["POST"])]
    )
    app.add_middleware(BodyInTime, seconds=SOON)
    config = uvicorn.Config(app, http=Quick, ws="none", log_config=None, lifespan="off")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: Quick(config, state, {}), "127.0.0.1")
    async with server:
        yield server.sockets[0].getsockname()[1]


async def answer(port: int, sent: bytes) -> tuple[int, bytes]:
    """The status and body that come before the server closes, when no more is sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    head, _, body = (await asyncio.wait_for(reader.read(), 30)).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nhost: a\r\n"])
async def test_a_head_that_does_not_come_is_answered_408(port: int, begun: bytes) -> None:
    status, body = await answer(port, begun)
    assert (status, json.loads(body)["type"]) == (408, "urn:ascua:problem:request-timeout")


async def test_a_head_without_end_is_answered_431(port: int) -> None:
    status, body = await answer(port, b"GET / HTTP/1.1\r\nhost: a\r\nx: " + 70_000 * b"x")
    assert (status, json.loads(body)["type"]) == (431, "urn:ascua:problem:request-header-fields-too-large")


async def test_a_body_that_does_not_come_is_answered_408(port: int) -> None:
    status, body = await answer(port, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nx")
    assert (status, b"in parts" in body) == (408, True)


@pytest.mark.parametrize(
    ("begun", "piece"),
    [
        (b"GET / HTTP/1.1\r\n", b"x-a: b\r\n"),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10000\r\n\r\n", b"x"),
    ],
)
async def test_a_request_that_trickles_in_is_cut_off(port: int, begun: bytes, piece: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def trickle() -> None:
        writer.write(begun)
        while not writer.is_closing():
            writer.write(piece)
            await asyncio.sleep(SOON / 10)

    slow = asyncio.create_task(trickle())
    with suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 30)
    slow.cancel()
    writer.close()


async def test_who_is_prompt_may_ask_again_on_the_same_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
        assert head.startswith(b"HTTP/1.1 200")
        assert await reader.readexactly(1) == b"2"
    writer.close()


async def test_what_is_no_http_is_a_problem(port: int) -> None:
    status, body = await answer(port, b"hello\r\n\r\n")
    assert (status, json.loads(body)["type"]) == (400, "urn:ascua:problem:bad-request")


async def test_a_body_that_goes_on_after_its_answer_holds_no_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /refused HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nx")
    assert b" 403 " in await asyncio.wait_for(reader.readline(), 30)
    writer.write(b"x")
    await asyncio.wait_for(reader.read(), 30)  # to its end
    writer.close()
