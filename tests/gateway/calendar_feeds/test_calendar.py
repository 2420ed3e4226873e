"""The feed, parsed back as a calendar would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import icalendar
import pytest

from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Role,
)
from services.gateway.calendar_feeds.ical import calendar
from services.gateway.quick_log import Language
from services.gateway.text import catalogue
from services.gateway.views.view import LeadStatus, LeadView, ShownStep
from shared.commands.leads import Profile
from shared.events.followup import ActivityKind
from shared.mongo import Mongo
from tests.conftest import System
from tests.names import drawn

MADRID = ZoneInfo("Europe/Madrid")
PROFILE = Profile(name="Ana; Torres, S.L.", email="ana@example.com", phone="+34 600 000 000")


def lead(name: str, due: datetime, kind: ActivityKind = ActivityKind.CALL) -> LeadView:
    step = ShownStep(f"{name}.7", kind, due, "agreed", "marta", told_at=due - timedelta(days=2))
    return LeadView(name, LeadStatus.OPEN, next_step=step, profile=PROFILE)


def read(
    *views: LeadView, zone: ZoneInfo = MADRID, names: bool = False, language: Language = Language.EN
) -> tuple[icalendar.Calendar, str]:
    body = calendar(views, "marta", zone, names, "https://ascua.example/", catalogue.sayer(language))
    parsed = icalendar.Calendar.from_ical(body)
    assert isinstance(parsed, icalendar.Calendar)
    return parsed, body.decode()


SPRING, AUTUMN = datetime(2027, 3, 28, 7, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC)


@pytest.mark.parametrize("due", [SPRING - timedelta(days=1), SPRING, AUTUMN - timedelta(days=1), AUTUMN])
@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/New_York", "Asia/Kolkata", "UTC"])
def test_a_step_stands_at_its_instant_on_the_clock_of_the_zone(due: datetime, zone: str) -> None:
    parsed, text = read(lead("ana", due), zone=ZoneInfo(zone))

    (event,) = parsed.walk("VEVENT")
    assert event.decoded("dtstart") == due
    assert event.decoded("dtstart").replace(tzinfo=None) == due.astimezone(ZoneInfo(zone)).replace(
        tzinfo=None
    )
    assert [str(each["tzid"]) for each in parsed.walk("VTIMEZONE")] == ([] if zone == "UTC" else [zone])
    assert len(text) < 4_000


def test_a_step_has_a_lasting_name_a_length_and_an_alarm() -> None:
    parsed, _ = read(lead("ana", AUTUMN, ActivityKind.VISIT))

    (event,) = parsed.walk("VEVENT")
    (alarm,) = event.walk("VALARM")
    assert (event["uid"], event.decoded("duration")) == ("ana.7@ascua", timedelta(hours=1))
    assert (alarm["action"], alarm.decoded("trigger")) == ("DISPLAY", timedelta(minutes=-10))
    assert event.decoded("dtstamp") == AUTUMN - timedelta(days=2)
    assert event["url"] == "https://ascua.example/leads/ana"


def test_nobody_is_named_unless_it_was_asked_for() -> None:
    without, text = read(lead("ana", AUTUMN), language=Language.ES)
    named, with_names = read(lead("ana", AUTUMN), names=True)

    assert str(without.walk("VEVENT")[0]["summary"]) == "Llamada: contacto ana"
    assert str(named.walk("VEVENT")[0]["summary"]) == f"Call: {PROFILE.name}"
    for secret in ("Torres", "example.com", "600"):
        assert secret not in text
    assert "600" not in with_names


def test_the_same_steps_are_the_same_bytes_in_whatever_order_they_come() -> None:
    one, other = lead("ana", AUTUMN), lead("bob", SPRING)

    assert read(one, other)[1] == read(other, one)[1]


async def test_a_link_is_made_read_cached_and_revoked(system: System) -> None:
    rep = drawn("marta-")
    mongo = Mongo(system.addresses.mongo_url, f"{system.addresses.database_prefix}_gateway")
    key = await KeyRing(mongo).create(rep, Role.REP)
    await mongo.stop()
    async with httpx.AsyncClient(base_url=system.gateway, timeout=30) as anyone, system.client() as operator:
        own = {"authorization": f"Bearer {key}"}
        made = await anyone.post("/v1/calendars", json={"zone": "Europe/Madrid"}, headers=own)
        assert (made.status_code, made.json()["rep"]) == (201, rep)
        url = made.json()["url"]

        first = await anyone.get(url)
        assert first.headers["content-type"] == "text/calendar; charset=utf-8"
        assert "private" in first.headers["cache-control"]
        assert icalendar.Calendar.from_ical(first.content)["x-wr-timezone"] == "Europe/Madrid"
        again = await anyone.get(url, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")

        assert (
            problem(await anyone.post("/v1/calendars", json={"rep": "bob"}, headers=own))
            == "calendar-not-yours"
        )
        assert problem(await operator.post("/v1/calendars", json={})) == "rep-missing"
        assert (
            problem(await operator.post("/v1/calendars", json={"rep": rep, "zone": "Mars/North"}))
            == "invalid-request"
        )
        assert problem(await anyone.post("/v1/calendars", json={})) == "key-missing"
        theirs = (await operator.post("/v1/calendars", json={"rep": "bob"})).json()
        assert (
            problem(await anyone.delete(f"/v1/calendars/{theirs['id']}", headers=own)) == "calendar-not-yours"
        )
        listed = (await anyone.get("/v1/calendars", headers=own)).json()
        assert [each["id"] for each in listed] == [made.json()["id"]]
        assert url not in str(listed)

        assert (await operator.delete(f"/v1/calendars/{made.json()['id']}")).status_code == 204
        assert problem(await anyone.get(url)) == "calendar-not-found"
        assert problem(await operator.delete(f"/v1/calendars/{made.json()['id']}")) == "calendar-not-found"


def problem(answer: httpx.Response) -> str:
    body: dict[str, Any] = answer.json()
    return str(body["type"]).rpartition(":")[2]
