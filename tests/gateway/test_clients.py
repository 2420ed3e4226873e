"""The gateway's clients of the other services: what they ask, and what an error there is here."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.gateway.clients import Backends
from shared.commands import LeadForm
from shared.errors import Conflict, NotFound, Unavailable


class Leads:
    """A service that knows the lead `leo`, and whatever is captured but `eva`, whom it has."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.app = web.Application()
        self.app.router.add_post("/leads", self.capture)
        self.app.router.add_post("/known", self.known)

    async def capture(self, request: web.Request) -> web.Response:
        self.asked["leads"] += 1
        lead_id = (await request.json())["lead_id"]
        if lead_id == "eva":
            problem = {"type": "urn:ascua:problem:lead-exists", "detail": "lead eva was captured before"}
            return web.json_response(problem, status=409, content_type="application/problem+json")
        return web.json_response({"id": lead_id}, status=201)

    async def known(self, request: web.Request) -> web.Response:
        self.asked["known"] += 1
        return web.json_response([each for each in (await request.json())["ids"] if each == "leo"])


@pytest.fixture
async def service() -> AsyncIterator[tuple[Leads, Backends]]:
    leads = Leads()
    async with TestServer(leads.app) as server:
        backends = Backends({"leads": str(server.make_url("")).rstrip("/"), "tickets": "http://127.0.0.1:9"})
        await backends.start()
        yield leads, backends
        await backends.stop()


async def test_nothing_is_asked_of_leads_about_a_lead_that_was_captured_here(
    service: tuple[Leads, Backends],
) -> None:
    leads, backends = service
    await backends.capture(LeadForm(lead_id="ana", channel="web"), None)
    await backends.must_exist("ana")
    assert leads.asked == {"leads": 1}

    assert await backends.unknown(["ana", "leo", "zoe"]) == {"zoe"}
    await backends.must_exist("leo")
    assert leads.asked["known"] == 1
    with pytest.raises(NotFound):
        await backends.must_exist("zoe")


async def test_a_problem_is_the_error_that_it_was_there(service: tuple[Leads, Backends]) -> None:
    _, backends = service
    with pytest.raises(Conflict, match="captured before") as caught:
        await backends.capture(LeadForm(lead_id="eva", channel="web"), None)
    assert caught.value.slug == "lead-exists"
    with pytest.raises(Unavailable, match="tickets service does not answer"):
        await backends.call("tickets", "GET", "/status")
    with pytest.raises(Unavailable, match=r"leads service failed \(404\)"):
        await backends.call("leads", "GET", "/nowhere")
