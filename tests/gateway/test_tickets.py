"""A ticket through the door: of somebody who is no lead yet, answered, argued about, and its deadlines explained."""

from __future__ import annotations

from tests.conftest import System
from tests.names import drawn
from tests.waiting import until

OPEN = {
    "category": "complaint",
    "priority": "urgent",
    "subject": "It smokes",
    "text": "a lot",
    "channel": "chat",
}


async def made(system: System, role: str) -> dict[str, str]:
    """What a new key of that role sends."""
    async with system.client() as client:
        answer = await client.post("/v1/keys", json={"name": drawn(), "role": role})
        return {"authorization": f"Bearer {answer.json()['key']}"}


async def test_a_person_who_is_no_lead_yet_is_captured_with_their_ticket_once(system: System) -> None:
    body = {**OPEN, "person": {"name": "Ana Torres", "phone": "600 100 200"}}
    headers = {"idempotency-key": drawn()}
    async with system.client() as client:
        opened = (await client.post("/v1/tickets", json=body, headers=headers)).json()
        again = (await client.post("/v1/tickets", json=body, headers=headers)).json()
        assert again == opened
        nobody = await client.post("/v1/tickets", json=OPEN)
        assert nobody.status_code == 422

        async def shown() -> bool:
            answer = await client.get(f"/v1/leads/{opened['lead_id']}")
            if not answer.is_success:
                return False
            lead = answer.json()["lead"]
            return lead["profile"] is not None and [each["id"] for each in lead["tickets"]] == [opened["id"]]

        await until(shown)


async def test_a_channel_brings_answers_and_sees_no_thread_and_agents_are_told_who_was_faster(
    system: System,
) -> None:
    channel, rep = await made(system, "channel"), await made(system, "rep")
    async with system.client() as client:
        lead = (await client.post("/v1/leads", json={"channel": "web", "profile": {"name": "Bo"}})).json()[
            "id"
        ]
        ticket = (await client.post("/v1/tickets", json={**OPEN, "lead_id": lead}, headers=channel)).json()
        path = f"/v1/tickets/{ticket['id']}"

        taken = await client.post(f"{path}/answers", json={"text": "and?"}, headers=channel)
        assert taken.json() == {"ticket_id": ticket["id"], "status": "open"}
        assert (
            await client.post(f"{path}/replies", json={"author": "agent", "text": "no"}, headers=channel)
        ).status_code == 403
        assert (await client.get(path, headers=channel)).status_code == 403

        reply = {"author": "agent", "text": "We come.", "expected_version": ticket["version"]}
        late = (await client.post(f"{path}/replies", json=reply, headers=rep)).json()
        assert late["type"].endswith("ticket-changed")
        assert "meanwhile the customer replied just now" in late["detail"]
        reply["expected_version"] = 2
        replied = (await client.post(f"{path}/replies", json=reply, headers=rep)).json()
        assert (replied["version"], replied["agent"]) == (3, replied["messages"][-1]["agent"])
        assert replied["agent"] is not None  # a rep's key acts as that rep
        read = (await client.get(f"{path}/messages", params={"limit": 2})).json()
        assert [each["text"] for each in read["messages"]] == ["and?", "We come."]
        assert (read["first"], read["count"]) == (1, 3)


async def test_deadlines_explain_themselves_and_other_policies_are_previewed(system: System) -> None:
    text = (
        "calendars: {c: {zone: UTC}}\npolicies: {all: {calendar: c, first_response: 30m, resolution: 9h}}\n"
    )
    async with system.client() as client:
        usual = text.replace("all:", "usual:").replace("9h", "7h")
        assert (await client.post("/v1/sla", json={"text": usual})).is_success
        lead = (await client.post("/v1/leads", json={"channel": "web"})).json()["id"]
        ticket = (await client.post("/v1/tickets", json={**OPEN, "lead_id": lead})).json()
        why = (await client.get(f"/v1/tickets/{ticket['id']}/sla")).json()
        assert [(each["clock"], each["policy"]) for each in why["clocks"]] == [
            ("first_response", "usual"), ("resolution", "usual"),
        ]  # fmt: skip
        assert why["clocks"][0]["spans"][0]["counted"]
        early = await client.get(f"/v1/tickets/{ticket['id']}/sla", params={"at": "2001-01-01T00:00:00Z"})
        assert early.status_code == 404

        seen = (await client.post("/v1/sla/preview", json={"text": text})).json()
        assert seen["changed"] >= 1
        wrong = await client.post("/v1/sla/preview", json={"text": text.replace("30m", "2d")})
        assert "line 2: 2d is not open time" in wrong.json()["detail"]
        expect = {"changed": seen["changed"] + 1}
        differs = await client.post("/v1/sla", json={"text": text, "expect": expect})
        assert differs.json()["type"].endswith("policies-differ")
        before = (await client.get("/v1/sla")).json()
        assert (before["text"], before["version"]) == (usual, before["editions"][-1]["version"])


async def test_what_is_done_again_and_again_has_a_name(system: System) -> None:
    name = f"m{drawn()}"[:40].replace("-", "_").lower()
    async with system.client() as client:
        assert (
            await client.post("/v1/macros", json={"name": name, "text": "Soon.", "priority": "low"})
        ).is_success
        assert name in [each["name"] for each in (await client.get("/v1/macros")).json()["macros"]]
        lead = (await client.post("/v1/leads", json={"channel": "web"})).json()["id"]
        ticket = (await client.post("/v1/tickets", json={**OPEN, "lead_id": lead})).json()
        done = (await client.post(f"/v1/tickets/{ticket['id']}/macro", json={"macro": name})).json()
        assert (done["priority"], done["messages"][-1]["text"]) == ("low", "Soon.")
        missing = await client.post(f"/v1/tickets/{ticket['id']}/macro", json={"macro": "nothing"})
        assert (missing.status_code, missing.json()["type"].rpartition(":")[2]) == (404, "macro-not-found")
