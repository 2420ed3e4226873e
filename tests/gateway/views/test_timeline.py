"""The timeline pages through all that happened, with the words that their owners keep, however long ago."""

from __future__ import annotations

import httpx

from services.followup.domain.model import KEPT
from tests.conftest import System
from tests.names import drawn
from tests.waiting import until


async def ask(gateway: httpx.AsyncClient, path: str, body: object, status: int = 201) -> httpx.Response:
    answer = await gateway.post(f"/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer


async def timeline(gateway: httpx.AsyncClient, lead: str, limit: int) -> list[dict[str, object]]:
    items: list[dict[str, object]] = []
    cursor: str | None = None
    while cursor is not None or not items:
        asked = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = (await gateway.get(f"/v1/leads/{lead}/timeline", params=asked)).json()
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next_cursor"]
        if not items:
            break
    return items


async def test_every_note_and_every_word_is_on_some_page(system: System) -> None:
    lead, count = drawn(), 5 * KEPT
    async with system.client() as gateway:
        await ask(gateway, "leads", {"lead_id": lead, "channel": "web"})
        ticket = {"lead_id": lead, "category": "question", "subject": "It smokes", "text": "word 0"}
        ticket_id = (await ask(gateway, "tickets", ticket)).json()["id"]
        notes = [f"note {number}" for number in range(count)]
        for note in ([*notes[: count // 2]], [*notes[count // 2 :]], ["the last"]):
            calls = [{"lead_id": lead, "kind": "note", "note": each} for each in note]
            await ask(gateway, "activities", {"activities": calls}, 200)
        replied: dict[str, object] = {}
        for number in range(1, count):
            at = f"2026-11-20T10:00:{number // 10:02}.{number % 10}00Z"
            reply = {"author": "agent", "text": f"word {number}", "at": at}
            replied = (await ask(gateway, f"tickets/{ticket_id}/replies", reply, 200)).json()
        assert len(replied["messages"]) < count  # type: ignore[arg-type]

        async def is_told() -> bool:
            told = await timeline(gateway, lead, 500)
            return sum(item["type"] != "ascua.heat.changed.v1" for item in told) >= 2 * count + 2

        await until(is_told, within=60)
        items = await timeline(gateway, lead, 37)

    texts = [str(item["text"]) for item in items if "text" in item]
    assert sorted(texts) == sorted([*notes, "the last", *(f"word {number}" for number in range(count))])
