"""What every request and answer of the gateway has in common."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import ValidationError

from services.gateway.main import Settings
from tests.conftest import System

SERVERS = {"kafka_bootstrap": "127.0.0.1:9", "mongo_url": "mongodb://127.0.0.1:9"}


async def head(system: System, request: str) -> bytes:
    """The head of the answer to a request whose body never comes."""
    where = urlsplit(system.gateway)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(request.encode())
    found = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
    writer.close()
    return found


@pytest.mark.parametrize(
    "path", ["/v1/leads", "/v1/signals", "/v1/history", "/v1/calendars", "/v1/activities/proposals"]
)
async def test_the_key_is_asked_for_before_the_body_is_read(system: System, path: str) -> None:
    announced = "host: a\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n"
    assert b" 401 " in await head(system, f"POST {path} HTTP/1.1\r\n{announced}")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/playbooks", "GET, POST"),
        ("OPTIONS", "/v1/calendars", "GET, POST"),
        ("TRACE", "/v1/leads", "POST"),
        ("DELETE", "/v1/leads/ana", "GET"),
        ("PATCH", "/v1/calendars/" + "0" * 64, "DELETE"),
        ("POST", "/static/ascua.css", "GET, HEAD"),
        ("DELETE", "/enter", "GET, POST"),
    ],
)
async def test_who_asks_wrongly_is_told_all_that_may_be_asked(
    system: System, method: str, path: str, allowed: str
) -> None:
    async with system.client() as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_no_answer_is_sniffed_and_none_of_the_api_is_kept(system: System) -> None:
    async with system.client() as client:
        for path in ("/v1/boards/heat", "/v1/leads/nobody", "/v1/nothing", "/openapi.json", "/", "/healthz"):
            answer = await client.get(path)
            assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == (
                "nosniff",
                "no-store",
            ), path
        assert (await client.get("/static/ascua.css")).headers["cache-control"] == "no-cache"


async def test_links_are_not_made_of_what_a_request_says_of_its_host(system: System) -> None:
    async with system.client() as client:
        made = await client.post("/v1/calendars", json={"rep": "marta"}, headers={"host": "evil.example"})
        assert made.json()["url"].startswith(f"{system.gateway}/calendars/")
        assert "evil.example" not in (await client.get("/", headers={"host": "evil.example"})).text
        await client.delete(f"/v1/calendars/{made.json()['id']}")


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "http://127.0.0.1:8000/"),
        ({"host": "0.0.0.0", "port": 9000}, "http://127.0.0.1:9000/"),
        ({"host": "::1"}, "http://[::1]:8000/"),
        ({"public_url": "https://leads.example.com"}, "https://leads.example.com/"),
        ({"public_url": "https://example.com/ascua/"}, "https://example.com/ascua/"),
    ],
)
def test_the_address_is_what_was_set(given: dict[str, object], address: str) -> None:
    assert Settings.model_validate({**SERVERS, **given}).address == address


@pytest.mark.parametrize("wrong", ["leads.example.com", "ftp://example.com", "https://", "https://a/?b"])
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="the address people reach the gateway at"):
        Settings.model_validate({**SERVERS, "public_url": wrong})


async def test_the_description_for_people_needs_nobody_else(system: System) -> None:
    async with httpx.AsyncClient(base_url=system.gateway, timeout=30) as anyone:
        page = await anyone.get("/docs")
        assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
        parts = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(parts) == 4
        for part in parts:
            assert part.startswith("/static/")
            assert (await anyone.get(part)).status_code == 200
        script = await anyone.get("/static/vendor/swagger-ui/swagger-ui-bundle.js.gz")
        assert "SwaggerUIBundle" in script.text
