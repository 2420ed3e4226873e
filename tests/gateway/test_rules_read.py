"""Which rules are in force, at the door."""

from __future__ import annotations

from tests.conftest import System


async def test_everybody_who_may_read_sees_which_rules_are_in_force_and_what_they_say(system: System) -> None:
    async with system.client() as gateway:
        listed = (await gateway.get("/v1/rules")).json()["items"]
        (in_force,) = [each for each in listed if each["in_force"]]
        written = (await gateway.get(f"/v1/rules/{in_force['rules']}")).json()
        unknown = await gateway.get("/v1/rules/0123456789abcdef")
        nonsense = await gateway.get("/v1/rules/NO%20SUCH")

    assert listed[0]["effective_at"] is None  # those that come along, since ever
    assert {name: written[name] for name in in_force} == in_force
    assert "lead.captured" in written["text"]
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:ascua:problem:no-such-rules")
    assert (nonsense.status_code, nonsense.json()["type"]) == (422, "urn:ascua:problem:invalid-request")
