"""A rep's steps as iCalendar (RFC 5545, RFC 7986). Pure, and the same bytes for the same steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Alarm, Calendar, Event

from services.gateway.views.view import LeadView, ShownStep
from shared.events.followup import ActivityKind

READ_AGAIN: Final = timedelta(minutes=15)
REMIND: Final = timedelta(minutes=10)
SHORT: Final = timedelta(minutes=15)
LENGTH: Final = {
    ActivityKind.MEETING: timedelta(hours=1),
    ActivityKind.VISIT: timedelta(hours=1),
    ActivityKind.DEMO: timedelta(minutes=45),
}
"""How long a step is shown; others are `SHORT`."""

Say = Callable[..., str]


def calendar(
    views: Iterable[LeadView], rep: str, zone: ZoneInfo, names: bool, base_url: str, say: Say
) -> bytes:
    """The steps as events on the clock of `zone`. Leads are named only if `names`; nothing else of theirs is told."""
    feed = Calendar()
    feed.add("prodid", "-//Ascua//Next steps//EN")
    feed.add("version", "2.0")
    feed.add("method", "PUBLISH")
    feed.add("name", say("feed_title", rep=rep))
    feed.add("x-wr-calname", say("feed_title", rep=rep))
    feed.add("x-wr-timezone", zone.key)
    feed.add("refresh-interval", READ_AGAIN, parameters={"VALUE": "DURATION"})
    feed.add("x-published-ttl", READ_AGAIN, parameters={"VALUE": "DURATION"})
    years: list[int] = []
    for view in sorted(views, key=lambda view: view.lead_id):
        if view.next_step is not None and not view.next_step.is_automatic and view.survivor is None:
            feed.add_component(_event(view, view.next_step, zone, names, base_url, say))
            years.append(view.next_step.due.year)
    if years and zone.key != "UTC":
        # The rules of the years that are needed, so that the file stays small.
        feed.add_missing_timezones(date(min(years) - 1, 1, 1), date(max(years) + 2, 1, 1))
    return bytes(feed.to_ical())


def _event(view: LeadView, step: ShownStep, zone: ZoneInfo, names: bool, base_url: str, say: Say) -> Event:
    name = view.name if names and view.profile is not None else say("feed_lead", lead=view.lead_id)
    summary = f"{say(step.action).capitalize()}: {name}"
    event = Event()
    event.add("uid", f"{step.id}@ascua")
    event.add("dtstamp", (step.told_at or step.due).astimezone(UTC))
    event.add("dtstart", step.due.astimezone(zone if zone.key != "UTC" else UTC))
    event.add("duration", LENGTH.get(step.action, SHORT))
    event.add("summary", summary)
    event.add("url", f"{base_url}leads/{view.lead_id}")
    event.add("description", f"{base_url}leads/{view.lead_id}")
    event.add("class", "PRIVATE")
    event.add("transp", "OPAQUE" if step.action in LENGTH else "TRANSPARENT")
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", summary)
    alarm.add("trigger", -REMIND)
    event.add_component(alarm)
    return event
