"""The rules that were published, over HTTP."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from services.scoring.rules_log import Publication, RulesLog
from shared.clock import Clock, from_milliseconds, milliseconds
from shared.events.base import Instant


class RulesLine(BaseModel):
    """Rules that were published; `effective_at` is null for those that come along, in force since ever."""

    rules: str
    effective_at: Instant | None
    published_at: Instant | None
    in_force: bool


class RulesList(BaseModel):
    """As they take over from one another. What lies ahead may still be superseded."""

    items: list[RulesLine]


class RulesAnswer(RulesLine):
    """Rules as they were written, with their comments (YAML)."""

    text: str


def published(rulebook: RulesLog, clock: Clock) -> APIRouter:
    """The rules."""
    api = APIRouter(tags=["rules"])

    @api.get("/rules", summary="All rules that were ever published, and which are in force")
    async def all_of_them() -> RulesList:
        now = rulebook.in_force(milliseconds(clock()))
        return RulesList(items=[RulesLine(**_line(each, now)) for each in rulebook.versions()])

    @api.get("/rules/{version}", summary="Rules as they were written")
    async def written(version: str) -> RulesAnswer:
        now = rulebook.in_force(milliseconds(clock()))
        found = rulebook.publication(version)
        return RulesAnswer(**_line(found, now), text=found.text)

    return api


def _line(publication: Publication, now: Publication) -> dict[str, Any]:
    published = publication.published_ms
    return {
        "rules": publication.version,
        "effective_at": publication.effective_at,
        "published_at": None if published is None else from_milliseconds(published),
        "in_force": publication == now,
    }
