"""All that happened to a lead, with the words that are in no fact."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, Final

from pydantic import BaseModel

from services.gateway.clients import Upstreams
from shared.errors import Unavailable

_SAID: Final = tuple(f"ascua.ticket.{name}." for name in ("opened", "replied", "noted", "resolved"))
"""Facts of tickets that come with words."""


async def timeline(upstreams: Upstreams, lead_id: str, cursor: str | None, limit: int) -> dict[str, Any]:
    """All that happened to a lead and its members: facts from scoring's ledger, with the words their owners keep."""
    await upstreams.must_exist(lead_id)
    path = f"/leads/{lead_id}/timeline"
    facts = await upstreams.call("scoring", "GET", path, before=cursor, limit=limit)
    activities = [entry for entry in facts["entries"] if entry["type"].startswith("ascua.activity.")]
    tickets = [entry for entry in facts["entries"] if entry["type"].startswith(_SAID)]
    notes, words = await asyncio.gather(_notes(upstreams, activities), _words(upstreams, tickets))
    for entry, text in chain(zip(activities, notes, strict=True), zip(tickets, words, strict=True)):
        if text is not None:
            entry["text"] = text
    return {"lead_id": lead_id, "items": facts["entries"], "next_cursor": facts["next"]}


async def _notes(upstreams: Upstreams, entries: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """What was written about each of these activities."""
    ids: dict[str, list[str]] = {}
    for entry in entries:
        ids.setdefault(entry["lead_id"], []).append(entry["data"]["activity_id"])

    async def of_lead(lead_id: str) -> dict[str, str]:
        asked = _ActivityIds(ids=ids[lead_id])
        try:
            notes: dict[str, str] = await upstreams.call("followup", "POST", f"/leads/{lead_id}/notes", asked)
        except Unavailable:
            return {}
        return notes

    notes = dict(zip(ids, await asyncio.gather(*map(of_lead, ids)), strict=True))
    return [notes[entry["lead_id"]].get(entry["data"]["activity_id"]) for entry in entries]


async def _words(upstreams: Upstreams, entries: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """What was said in tickets with each of these facts, or else what its ticket is about."""
    nothing: list[str | None] = [None] * len(entries)
    if not entries:
        return nothing
    asked = _Asked(words=[{"ticket_id": each["data"]["ticket_id"], "at": each["at"]} for each in entries])
    try:
        words: list[str | None] = await upstreams.call("tickets", "POST", "/words", asked)
    except Unavailable:
        return nothing
    return words


class _ActivityIds(BaseModel):
    ids: list[str]


class _Asked(BaseModel):
    words: list[dict[str, str]]
