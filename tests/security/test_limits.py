"""One key and one address get their share and no more, streams among it; others notice nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.middleware import Middleware
from uvicorn.server import ServerState

from services.gateway.access.audit import Audit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.limits import KEPT, Limits, Tally, Throttle, network
from services.gateway.access.roles import (
    Holder,
    Role,
)
from services.gateway.access.visits import Visits, current_visit
from shared.connections import Connections, Counted
from shared.errors import Unknown
from shared.mongo import Mongo
from shared.web import web_app
from tests.conftest import System
from tests.names import drawn
from tests.waiting import until

RATE, BURST = 2.0, 4
GENTLE = Limits(key_rate=0.4, address_rate=2.0, key_open=3, address_open=8)
"""So little that a test reaches it: four requests of a key in one go, twenty of an address."""


@given(gaps=st.lists(st.floats(0, 3), max_size=60))
def test_what_is_let_through_is_never_more_than_burst_and_rate(gaps: list[float]) -> None:
    throttle, now, taken = Throttle(RATE, BURST), 1_000.0, list[float]()
    for gap in gaps:
        now += gap
        if not (wait := throttle.take("marta", now)):
            taken.append(now)
        else:
            assert throttle.take("marta", now + wait * 0.999 - 1e-6) > 0
            now += wait + 1e-6
            assert throttle.take("marta", now) == 0
            taken.append(now)
    for first, start in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= BURST + RATE * (taken[last] - start) + 1e-3


def test_who_keeps_to_the_rate_is_never_refused() -> None:
    throttle = Throttle(RATE, BURST)
    assert [throttle.take("marta", 10 + place / RATE) for place in range(1_000)] == [0] * 1_000


def test_memory_is_bounded_whoever_asks() -> None:
    throttle = Throttle(RATE, BURST)
    for number in range(3 * KEPT):
        throttle.take(f"address {number}", 10.0)
    assert len(throttle._due) == KEPT


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::2", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("unknown", "unknown"),
    ],
)
def test_of_ipv6_a_whole_network_is_one_address(address: str, whose: str) -> None:
    assert network(address) == network(whose) == str(whose)


@pytest.fixture
async def ring(system: System) -> AsyncIterator[KeyRing]:
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    yield KeyRing(mongo)
    await mongo.stop()


@asynccontextmanager
async def door(mongo: Mongo) -> AsyncIterator[httpx.AsyncClient]:
    """An application behind gentle limits; its keys are the names of those who have them."""
    api = APIRouter()
    holders = {
        name: Holder(name, role, name)
        for name, role in (("ana", Role.REP), ("eve", Role.CHANNEL), ("op", Role.OPERATOR))
    }

    @api.get("/work")
    async def work(request: Request) -> str:
        name = request.headers.get("authorization", "").removeprefix("Bearer ")
        if name not in holders:
            raise Unknown("key-unknown", "who?")
        visit = current_visit()
        assert visit is not None
        visit.admitted(holders[name])
        return "done"

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        yield

    app = web_app("gateway", [api], checks={}, status=dict, lifespan=lifespan, version="1")
    visits = Middleware(Visits, tally=Tally(GENTLE), audit=Audit(mongo), public_url="http://ascua/")
    app.user_middleware.append(visits)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ascua") as client:
        yield client


async def asked(client: httpx.AsyncClient, name: str, times: int) -> list[int]:
    answers = [await client.get("/work", headers={"authorization": f"Bearer {name}"}) for _ in range(times)]
    for answer in answers:
        if answer.status_code == 429:
            assert int(answer.headers["retry-after"]) >= 1
            assert answer.headers["content-type"] == "application/problem+json"
    return [answer.status_code for answer in answers]


async def test_a_key_that_asks_too_often_is_told_so_and_others_go_on(mongo: Mongo) -> None:
    async with door(mongo) as client:
        assert await asked(client, "eve", 6) == [200] * 4 + [429] * 2
        assert await asked(client, "ana", 4) == [200] * 4
        assert await asked(client, "op", 6) == [200] * 6


async def test_an_address_has_a_limit_whatever_its_keys_and_guessing_keys_costs_more(mongo: Mongo) -> None:
    async with door(mongo) as client:
        assert await asked(client, "op", 21) == [200] * 20 + [429]
        assert (await client.get("/healthz")).status_code == 200
    async with door(mongo) as client:
        assert await asked(client, "nobody", 3) == [401, 401, 429]


async def test_streams_of_one_key_are_bounded_and_let_others_in(system: System, ring: KeyRing) -> None:
    name = drawn("eve-")
    headers = {"authorization": f"Bearer {await ring.create(name, Role.REP)}"}
    async with httpx.AsyncClient(base_url=system.gateway, timeout=30, limits=httpx.Limits()) as eve:
        async with AsyncExitStack() as open_streams:
            for _ in range(100):
                stream = await open_streams.enter_async_context(
                    eve.stream("GET", "/v1/stream", headers=headers)
                )
                assert stream.status_code == 200
            refused = await eve.get("/v1/boards/heat", headers=headers)
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            async with system.client() as operator:
                assert (await operator.get("/v1/boards/heat")).status_code == 200

        async def is_let_in() -> bool:
            return (await eve.get("/v1/boards/heat", headers=headers)).status_code == 200

        await until(is_let_in)


async def test_an_address_cannot_take_all_connections() -> None:
    """Not even without asking for anything."""
    app = FastAPI()
    app.add_api_route("/", lambda: "here")
    config = uvicorn.Config(app, log_config=None, lifespan="off")
    config.load()
    state, connections = ServerState(), Connections(3)
    server = await asyncio.get_running_loop().create_server(
        lambda: Counted(config, state, {}, connections=connections), "127.0.0.1"
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        reader, refused = await asyncio.open_connection("127.0.0.1", port)
        assert b" 429 " in await asyncio.wait_for(reader.read(), 20)
        for _, writer in [idle.pop(), ("", refused)]:
            writer.close()

        async def is_let_in() -> bool:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"http://127.0.0.1:{port}/")).status_code == 200

        await until(is_let_in)
        for _, writer in idle:
            writer.close()

        async def all_gone() -> bool:
            return not connections.open

        await until(all_gone)
