"""The gateway's clients of the other services: what they ask, and what an error there is here."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.gateway.clients import Upstreams
from shared.commands.leads import LeadForm
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
async def service() -> AsyncIterator[tuple[Leads, Upstreams]]:
    leads = Leads()
    async with TestServer(leads.app) as server:
        upstreams = Upstreams(
            {"leads": str(server.make_url("")).rstrip("/"), "tickets": "http://127.0.0.1:9"}
        )
        await upstreams.start()
        yield leads, upstreams
        await upstreams.stop()


async def test_nothing_is_asked_of_leads_about_a_lead_that_was_captured_here(
    service: tuple[Leads, Upstreams],
) -> None:
    leads, upstreams = service
    await upstreams.call("leads", "POST", "/leads", LeadForm(lead_id="ana", channel="web"))
    upstreams.remember("ana")
    await upstreams.must_exist("ana")
    assert leads.asked == {"leads": 1}

    assert await upstreams.unknown(["ana", "leo", "zoe"]) == {"zoe"}
    await upstreams.must_exist("leo")
    assert leads.asked["known"] == 1
    with pytest.raises(NotFound):
        await upstreams.must_exist("zoe")


async def test_a_problem_is_the_error_that_it_was_there(service: tuple[Leads, Upstreams]) -> None:
    _, upstreams = service
    with pytest.raises(Conflict, match="captured before") as caught:
        await upstreams.call("leads", "POST", "/leads", LeadForm(lead_id="eva", channel="web"))
    assert caught.value.slug == "lead-exists"
    with pytest.raises(Unavailable, match="tickets service does not answer"):
        await upstreams.call("tickets", "GET", "/status")
    with pytest.raises(Unavailable, match=r"leads service failed \(404\)"):
        await upstreams.call("leads", "GET", "/nowhere")
