"""Qualifying, merging and splitting leads at the door, and what everything about a lead says of it then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.conftest import System
from tests.waiting import until


@pytest.fixture
async def gateway(system: System) -> AsyncIterator[httpx.AsyncClient]:
    async with system.client() as client:
        yield client


async def captured(gateway: httpx.AsyncClient) -> str:
    answer = await gateway.post("/v1/leads", json={"channel": "web"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def view(gateway: httpx.AsyncClient, lead: str) -> dict[str, Any]:
    found: dict[str, Any] = (await gateway.get(f"/v1/leads/{lead}")).json()["lead"]
    return found


def slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


async def test_a_merged_lead_points_to_its_survivor_until_it_is_split_off(gateway: httpx.AsyncClient) -> None:
    ana, eva = await captured(gateway), await captured(gateway)

    merged = await gateway.post(f"/v1/leads/{ana}/merge", json={"absorb": eva})
    assert (merged.status_code, merged.json()["members"]) == (200, {eva: 1}), merged.text

    async def it_points_there() -> bool:
        return (await view(gateway, eva))["survivor"] == ana and (await view(gateway, ana))["members"] == [
            eva
        ]

    await until(it_points_there)
    refused = await gateway.post(f"/v1/leads/{eva}/stage", json={"stage": "qualified"})
    assert slug(refused) == (422, "lead-absorbed")
    assert f"lead {eva} is part of {ana}; address that one" in refused.json()["detail"]

    parted = await gateway.post(f"/v1/leads/{ana}/split", json={"member": eva})
    assert (parted.status_code, parted.json()["members"]) == (200, {}), parted.text

    async def it_stands_alone() -> bool:
        return (await view(gateway, eva))["survivor"] is None and not (await view(gateway, ana))["members"]

    await until(it_stands_alone)

    async def its_timeline_tells_both() -> bool:
        timeline = (await gateway.get(f"/v1/leads/{eva}/timeline")).json()["items"]
        of_leads = [each["type"] for each in timeline if each["type"].startswith("ascua.lead.")]
        return of_leads[:2] == ["ascua.lead.split.v1", "ascua.lead.merged.v1"]

    await until(its_timeline_tells_both)


async def test_a_merge_that_cannot_be_gets_the_designed_answer(gateway: httpx.AsyncClient) -> None:
    ana = await captured(gateway)
    asked = [
        ("merge", {"absorb": ana}, (422, "merge-with-itself")),
        ("merge", {"absorb": "nobody-at-all"}, (404, "lead-not-found")),
        ("merge", {"absorb": "no such id!"}, (422, "invalid-request")),
        ("merge", {}, (422, "invalid-request")),
        ("split", {"member": "nobody-at-all"}, (422, "not-a-member")),
    ]
    for path, body, expected in asked:
        assert slug(await gateway.post(f"/v1/leads/{ana}/{path}", json=body)) == expected


async def test_what_a_lead_is_shows_in_its_view_and_what_concerns_the_person_goes_with_the_consent(
    gateway: httpx.AsyncClient,
) -> None:
    ana = await captured(gateway)
    path = f"/v1/leads/{ana}/qualification"
    body = {"attributes": {"budget": "confirmed"}, "person": {"authority": "decides"}}

    assert slug(await gateway.post(path, json=body)) == (422, "consent-missing")
    free = await gateway.post(path, json={"attributes": {"budget": "about three million"}})
    assert slug(free) == (422, "invalid-request")
    told = await gateway.post(path, json={**body, "consent": "consent"})
    assert told.status_code == 200, told.text

    async def it_shows(attributes: dict[str, str]) -> bool:
        return bool((await view(gateway, ana))["attributes"] == attributes)

    await until(lambda: it_shows({"budget": "confirmed", "authority": "decides"}))
    withdrawn = await gateway.post(f"/v1/leads/{ana}/consent-withdrawal", json={})
    assert (withdrawn.json()["person"], withdrawn.json()["consent"]) == ({}, None)
    await until(lambda: it_shows({"budget": "confirmed"}))


async def on_board(gateway: httpx.AsyncClient, lead: str) -> float | None:
    """The heat of a lead on the board of hot ones; None when it is not there."""
    lines = (await gateway.get("/v1/boards/heat", params={"band": "hot", "limit": 100})).json()["items"]
    return next((line["heat"] for line in lines if line["lead"]["lead_id"] == lead), None)


async def explained(gateway: httpx.AsyncClient, lead: str) -> dict[str, Any]:
    """Why a lead is as hot as it is, once the ledger has heard of it."""
    answers: list[httpx.Response] = []

    async def is_told() -> bool:
        answers.append(await gateway.get(f"/v1/leads/{lead}/heat/explain"))
        return answers[-1].is_success

    await until(is_told)
    found: dict[str, Any] = answers[-1].json()
    return found


async def test_merged_leads_stand_as_one_on_the_board_and_say_whose_each_reason_is(
    gateway: httpx.AsyncClient,
) -> None:
    ana, eva = await captured(gateway), await captured(gateway)
    for kind in ("demo_requested", "demo_requested", "chat_message", "pricing_viewed"):
        assert (await gateway.post("/v1/signals", json={"lead_id": eva, "kind": kind})).is_success
    note = {"kind": "call", "result": "interested", "note": "wants the blue one"}
    assert (await gateway.post(f"/v1/leads/{eva}/activities", json=note)).is_success
    await until(lambda: on_board(gateway, eva))
    alone = await explained(gateway, eva)
    assert await on_board(gateway, ana) is None

    assert (await gateway.post(f"/v1/leads/{ana}/merge", json={"absorb": eva})).is_success

    async def ana_stands_for_both() -> bool:
        return await on_board(gateway, eva) is None and (await on_board(gateway, ana) or 0) > alone["heat"]

    await until(ana_stands_for_both)
    assert (await gateway.post("/v1/signals", json={"lead_id": eva, "kind": "form_started"})).is_success

    async def all_is_explained() -> bool:
        why = await explained(gateway, ana)
        return {"form_started"} <= {term["kind"].removeprefix("signal.") for term in why["terms"]}

    await until(all_is_explained)
    why = await explained(gateway, ana)
    assert {term["lead_id"] for term in why["terms"]} == {ana, eva}
    points = [each["points"] for part in ("terms", "fit", "caps") for each in why[part]]
    assert why["base"] + sum(points) == pytest.approx(why["heat"], abs=1e-9)

    async def what_is_told_is_explained() -> bool:
        told = (await view(gateway, ana))["heat"]
        then = (await gateway.get(f"/v1/leads/{ana}/heat", params={"at": told["at"]})).json()
        return then["band"] == told["band"] and then["heat"] == pytest.approx(told["points"], abs=1e-9)

    await until(what_is_told_is_explained)

    async def timeline() -> list[Any]:
        found = await gateway.get(f"/v1/leads/{ana}/timeline", params={"limit": 100})
        return list(found.json()["items"])

    async def both_are_told() -> bool:
        return {item["lead_id"] for item in await timeline()} == {ana, eva}

    await until(both_are_told)
    items = await timeline()
    assert [item["lead_id"] for item in items if item.get("text") == "wants the blue one"] == [eva]
    before = (await gateway.get(f"/v1/leads/{ana}/heat", params={"at": alone["at"]})).json()
    assert before["heat"] < alone["heat"]  # what was then, stays
    drawn = (await gateway.get(f"/leads/{ana}/curve")).json()["points"]
    assert max(point["heat"] for point in drawn) > alone["heat"]
    page = (await gateway.get(f"/leads/{eva}")).text
    assert f'href="/leads/{ana}"' in page
    assert f'href="/leads/{eva}"' in (await gateway.get(f"/leads/{ana}")).text

    assert (await gateway.post(f"/v1/leads/{ana}/split", json={"member": eva})).is_success

    async def each_stands_for_itself() -> bool:
        return await on_board(gateway, ana) is None and (await on_board(gateway, eva) or 0) > 0

    async def each_is_explained_by_itself() -> bool:
        whose = [
            {term["lead_id"] for term in (await explained(gateway, each))["terms"]} for each in (ana, eva)
        ]
        return whose == [{ana}, {eva}]

    await until(each_stands_for_itself)
    await until(each_is_explained_by_itself)
