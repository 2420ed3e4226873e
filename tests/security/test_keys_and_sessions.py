"""Keys end when they should, everywhere; a session is not a key, and opens nothing for others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Role,
    Scope,
)
from services.gateway.access.visits import COOKIE
from services.gateway.pages import enter
from services.gateway.pages.rendering import renderer
from shared.clock import utc_now
from shared.errors import AscuaError, NotFound, Refused, Unknown
from shared.mongo import Mongo
from tests.conftest import System
from tests.names import drawn

BROWSER = {"accept": "text/html"}


@pytest.fixture
async def ring(system: System) -> AsyncIterator[KeyRing]:
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    yield KeyRing(mongo)
    await mongo.stop()


def client(system: System, key: str | None = None, **headers: str) -> httpx.AsyncClient:
    given = headers if key is None else {"authorization": f"Bearer {key}", **headers}
    return httpx.AsyncClient(base_url=system.gateway, headers=given, timeout=30)


@asynccontextmanager
async def entered(system: System, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that came in by a link."""
    async with client(system, **BROWSER) as visitor:
        assert (await visitor.get("/enter", params={"key": await system.code(name)})).status_code == 303
        yield visitor


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).rpartition(":")[2]


async def test_a_revoked_key_opens_nothing_within_a_second_and_ends_streams_and_sessions(
    system: System, ring: KeyRing
) -> None:
    name = drawn("marta-")
    key = await ring.create(name, Role.REP)
    async with client(system, key) as rep, entered(system, name) as page, system.client() as operator:
        assert (await rep.get("/v1/boards/heat")).is_success
        assert (await page.get("/board")).is_success
        async with rep.stream("GET", "/v1/stream") as stream, page.stream("GET", "/v1/stream") as other:
            begun = [stream.aiter_lines(), other.aiter_lines()]
            for lines in begun:
                await anext(lines)
            revoked, since = await operator.delete(f"/v1/keys/{name}"), time.monotonic()
            assert [each["name"] for each in revoked.json()] == [name]
            for lines in begun:
                async for _ in lines:
                    pass
            assert time.monotonic() - since < 1
        assert (slug(refused := await rep.get("/v1/boards/heat")), refused.status_code) == (
            "key-revoked",
            401,
        )
        assert (await page.get("/board")).status_code == 303
        assert (await operator.delete(f"/v1/keys/{name}")).status_code == 404


async def test_a_key_ends_when_its_time_is_over_and_says_when_it_was_used(mongo: Mongo) -> None:
    now = utc_now()
    ring = KeyRing(mongo, lambda: now)
    key = await ring.create("website", Role.CHANNEL, now + timedelta(days=90))
    assert [each.used_at for each in await ring.all()] == [None]
    assert (await ring.admit(key, Scope.CAPTURE)).name == "website"
    assert [each.used_at is not None for each in await ring.all()] == [True]
    now += timedelta(days=90)
    with pytest.raises(Unknown, match="time is over"):
        await ring.admit(key, Scope.CAPTURE)
    with pytest.raises(NotFound):
        await ring.revoke("website")


@pytest.mark.parametrize("name", ["", "ana torres", "a" * 65, "../x", "josé", "a\n"])
async def test_names_of_keys_are_checked(mongo: Mongo, system: System, name: str) -> None:
    with pytest.raises(Refused, match="a key is named with"):
        await KeyRing(mongo).create(name, Role.REP)
    async with system.client() as operator:
        assert (await operator.post("/v1/keys", json={"name": name, "role": "rep"})).status_code == 422


async def test_only_operators_see_and_make_keys(system: System, ring: KeyRing) -> None:
    name = drawn("marta-")
    async with client(system, await ring.create(name, Role.REP)) as rep:
        for answer in (
            await rep.get("/v1/keys"),
            await rep.post("/v1/keys", json={"name": "me", "role": "operator"}),
            await rep.delete(f"/v1/keys/{name}"),
            await rep.post("/v1/keys/operator/link"),
            await rep.get("/v1/audit"),
        ):
            assert (answer.status_code, slug(answer)) == (403, "key-may-not")
    async with system.client() as operator:
        made = (await operator.post("/v1/keys", json={"name": name, "role": "channel", "days": 1})).json()
        listed = [key for key in (await operator.get("/v1/keys")).json() if key["name"] == name]
    assert [(key["role"], key["expires_at"] is None) for key in listed] == [("rep", True), ("channel", False)]
    assert made["key"] not in str(listed)


async def test_the_cookie_is_no_key_and_ends_with_leaving_also_for_who_has_stolen_it(system: System) -> None:
    async with entered(system, "operator") as page:
        token = page.cookies[COOKIE]
        async with client(system, token) as thief:
            assert slug(await thief.get("/v1/keys")) == "key-unknown"
        async with client(system, cookie=f"{COOKIE}={token}") as thief:
            assert (await thief.get("/v1/keys")).is_success
            await page.post("/leave")
            assert (await page.get("/board")).status_code == 303
            assert slug(await thief.get("/v1/keys")) == "session-over"


async def test_a_link_opens_once_and_a_key_in_an_address_does_not(system: System) -> None:
    code = await system.code()
    async with client(system, **BROWSER) as first, client(system, **BROWSER) as second:
        assert (await first.get("/enter", params={"key": code, "next": "/day"})).headers["location"] == "/day"
        refused = await second.get("/enter", params={"key": code})
        assert (refused.status_code, "set-cookie" in refused.headers) == (401, False)
        again = await first.get("/enter", params={"key": code, "next": "/day"})
        assert (again.status_code, again.headers["location"]) == (303, "/day")
        assert (await second.get("/enter", params={"key": system.key})).status_code == 401


async def test_of_many_who_come_with_one_link_one_gets_in(mongo: Mongo) -> None:
    ring = KeyRing(mongo)
    code = await ring.link(await ring.create("marta", Role.REP), timedelta(minutes=1))
    came = await asyncio.gather(*(ring.sessions.enter(code) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(each, str) for each in came) == 1
    assert {each.slug for each in came if isinstance(each, AscuaError)} == {"code-over"}


async def test_links_and_sessions_end_when_their_time_is_over(mongo: Mongo) -> None:
    now = utc_now()
    ring = KeyRing(mongo, lambda: now)
    key = await ring.create("marta", Role.REP)
    early, late = await ring.link(key, timedelta(minutes=1)), await ring.link(key, timedelta(days=30))
    now += timedelta(minutes=1)
    with pytest.raises(Unknown, match="its time is over"):
        await ring.sessions.enter(early)
    token = await ring.sessions.enter(late)
    assert (await ring.admit_session(token, Scope.READ)).name == "marta"
    now += timedelta(days=7)
    ring = KeyRing(mongo, lambda: now)
    with pytest.raises(Unknown, match="this session is over"):
        await ring.admit_session(token, Scope.READ)


@pytest.mark.parametrize(
    ("public_url", "is_secure"),
    [
        ("https://leads.example.com/", True),
        ("https://leads.example.com", True),
        ("http://127.0.0.1:8000/", False),
    ],
)
async def test_behind_tls_the_cookie_never_goes_in_the_clear(
    mongo: Mongo, public_url: str, is_secure: bool
) -> None:
    """However one comes in, and when one leaves; where there is no TLS a browser would keep no such cookie."""
    ring, door = KeyRing(mongo), FastAPI()
    door.include_router(enter.router(ring, renderer(utc_now, []), public_url))
    key = await ring.create("marta", Role.REP)
    code = await ring.link(key, timedelta(minutes=1))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url=public_url) as visitor:
        for answer in (
            await visitor.get("/enter", params={"key": code}),
            await visitor.post("/enter", data={"key": key}),
            await visitor.post("/leave"),
        ):
            assert answer.status_code == 303
            said = {each.strip().lower() for each in answer.headers["set-cookie"].split(";")}
            assert {"httponly", "samesite=strict", "path=/"} <= said
            assert ("secure" in said) == is_secure


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://evil.example", "authorization": "Basic YTpi"}, False),
        ({"origin": "{gateway}"}, True),
    ],
)
async def test_another_site_changes_nothing_with_a_session(
    system: System, headers: dict[str, str], is_own: bool
) -> None:
    sent = {name: value.format(gateway=system.gateway) for name, value in headers.items()}
    async with entered(system, "operator") as page:
        made = await page.post("/v1/calendars", json={"rep": "marta"}, headers=sent)
        assert made.status_code == (201 if is_own else 403), made.text
        assert is_own or slug(made) == "cross-site"
        assert (await page.get("/v1/calendars", headers=sent)).is_success  # another site cannot read it
        left = await page.post("/leave", headers=sent)
        assert (left.status_code == 303) is is_own
        # The door, too: or a victim would work in the session of somebody else.
        into = await page.post("/enter", data={"key": system.key}, headers=sent)
        assert (into.status_code == 303) is is_own


async def test_a_program_with_a_key_may_ask_from_any_site(system: System) -> None:
    async with system.client() as program:
        made = await program.post(
            "/v1/calendars", json={"rep": "marta"}, headers={"origin": "https://shop.example"}
        )
        assert made.status_code == 201
