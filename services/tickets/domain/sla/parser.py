"""From YAML to policies. A mistake is told with its line and with what would be right; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from datetime import timedelta
from hashlib import sha256
from importlib.resources import files
from typing import Final

from services.tickets.domain.moments import Status
from services.tickets.domain.sla.policies import BREACH, Alarm, Policies, Policy
from services.tickets.domain.terms import Terms
from shared.business_time import Calendar
from shared.calendar_parser import calendar
from shared.events.tickets import Priority, SlaClock, TicketCategory
from shared.yaml_lines import Lines, Node, plain

MOST_POLICIES: Final = 100
LONGEST_HOURS: Final = 24 * 366 * 10
_CLOCKS: Final = {str(clock) for clock in SlaClock}
_CONDITIONS: Final[Mapping[str, Set[str]]] = {
    "priority": {str(each) for each in Priority},
    "category": {str(each) for each in TicketCategory},
    "queue": set(),
    "tier": set(),
}
_PAUSES: Final = {
    str(status) for status in (Status.WAITING_FOR_CUSTOMER, Status.WAITING_FOR_THIRD_PARTY, Status.RESOLVED)
}


def default_text() -> str:
    return files("services.tickets").joinpath("default.yaml").read_text("utf-8")


def default_policies() -> Policies:
    """The policies that ship with this package."""
    return read(default_text(), "default.yaml")


def read(text: str, source: str = "policies") -> Policies:
    """The policies written in `text`, laid out as default.yaml explains. Raises LineError."""
    return _Reader(Lines("policies-wrong", source)).policies(text)


class _Reader:
    def __init__(self, lines: Lines) -> None:
        self._at = lines
        self._calendars: dict[str, Calendar] = {}

    def policies(self, text: str) -> Policies:
        root = self._at.root(text)
        sections = self._at.fields(root, "the file", {"calendars", "policies"}, {"life"})
        for key, node in self._at.items(sections["calendars"], "calendars"):
            self._calendars[key.text] = calendar(self._at, node)
        found: list[Policy] = []
        for key, node in self._at.items(sections["policies"], "policies"):
            if len(found) == MOST_POLICIES:
                raise self._at.error(key, f"there can be {MOST_POLICIES} policies at most")
            if found and not found[-1].conditions:
                raise self._at.error(key, f"{found[-1].name} fits all: what follows it is never reached")
            found.append(self._policy(self._name(key, "policy"), node))
        terms = self._terms(sections["life"]) if "life" in sections else Terms()
        return Policies(sha256(plain(root).encode()).hexdigest()[:16], terms, tuple(found))

    def _terms(self, node: Node) -> Terms:
        fields = self._at.fields(node, "life", {"reopen_within", "close_after"})
        return Terms(self._days(fields["reopen_within"]), self._days(fields["close_after"]))

    def _policy(self, name: str, node: Node) -> Policy:
        fields = self._at.fields(
            node, f"policy {name}", {"calendar"}, _CLOCKS | {"for", "pauses", "until", "warn", "escalate"}
        )
        targets = {clock: self._hours(fields[clock]) for clock in SlaClock if clock in fields}
        if not targets:
            raise self._at.error(
                node, f"policy {name} promises nothing; give it {', '.join(sorted(_CLOCKS))}"
            )
        conditions = {
            self._at.choice(key, "condition", _CONDITIONS.keys()): self._values(key.text, values)
            for key, values in (self._at.items(fields["for"], "for") if "for" in fields else ())
        }
        until = (
            self._at.choice(fields["until"], "end", {"resolved", "closed"})
            if "until" in fields
            else "resolved"
        )
        pauses = self._at.list(fields["pauses"], "pauses") if "pauses" in fields else []
        return Policy(
            name,
            conditions,
            self._calendars[self._at.choice(fields["calendar"], "calendar", self._calendars.keys())],
            targets,
            frozenset(Status(self._at.choice(each, "state that pauses", _PAUSES)) for each in pauses),
            "closed" if until == "closed" else "resolved",
            self._alarms(fields),
        )

    def _alarms(self, fields: Mapping[str, Node]) -> tuple[Alarm, ...]:
        found = {Alarm(BREACH)}
        for each in self._at.list(fields["warn"], "warn") if "warn" in fields else ():
            if (share := self._share(each)) >= BREACH:
                raise self._at.error(each, f"a warning comes before the target: write less than {BREACH}%")
            found.add(Alarm(share))
        for key, to in self._at.items(fields["escalate"], "escalate") if "escalate" in fields else ():
            found.add(Alarm(self._share(key), self._name(to, "person or team")))
        return tuple(sorted(found, key=lambda alarm: (alarm.share, alarm.to or "")))

    def _share(self, node: Node) -> int:
        text = self._at.text(node)
        match = re.fullmatch(r"([1-9][0-9]{0,3})%", text)
        if match is None:
            raise self._at.error(node, f"{text} is no share of a target; write it as 75%, at most 9999%")
        return int(match[1])

    def _hours(self, node: Node) -> int:
        text = self._at.text(node)
        match = re.fullmatch(r"(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?", text)
        minutes = int(match[1] or 0) * 60 + int(match[2] or 0) if match else 0
        if match is None or not minutes:
            raise self._at.error(
                node, f"{text} is not open time; write 30m, 4h or 1h30m, and two days of eight hours as 16h"
            )
        if minutes > LONGEST_HOURS * 60:
            raise self._at.error(node, f"{text} is longer than ten years")
        return minutes * 60_000

    def _days(self, node: Node) -> timedelta:
        text = self._at.text(node)
        match = re.fullmatch(r"([0-9]{1,4})([hd])", text)
        if match is None or not int(match[1]):
            raise self._at.error(node, f"{text} is not a time; write 36h or 14d")
        return timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(days=int(match[1]))

    def _values(self, name: str, node: Node) -> frozenset[str]:
        known = _CONDITIONS[name]
        return frozenset(
            self._at.choice(each, name, known) if known else self._name(each, name)
            for each in self._at.list(node, name)
        )

    def _name(self, node: Node, what: str) -> str:
        text = self._at.text(node)
        if not re.fullmatch(r"[a-z][a-z0-9_.-]{0,39}", text):
            raise self._at.error(
                node, f"{text} is no name of a {what}; write up to 40 small letters, as first_line"
            )
        return text
