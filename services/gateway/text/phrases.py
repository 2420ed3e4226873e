"""Facts in words, for the pages. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.gateway.views.view import ShownActivity
from shared.events.followup import ActivityKind, ActivityResult
from shared.events.leads import Money

HALF_A_RING = 60.0
"""Points that fill half of an ember's ring; twice as many fill three quarters, and so on."""

DID = {
    ActivityKind.CALL: "called",
    ActivityKind.EMAIL: "mailed",
    ActivityKind.MESSAGE: "wrote",
    ActivityKind.MEETING: "met",
    ActivityKind.VISIT: "visited",
    ActivityKind.DEMO: "showed a demo",
    ActivityKind.NOTE: "noted",
}


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """A line of the timeline, of a `member` if it is not about the lead itself. `minor` ones are bookkeeping."""

    at: datetime
    icon: str
    title: str
    details: tuple[str, ...] = ()
    text: str | None = None
    minor: bool = False
    member: str | None = None


@dataclass(frozen=True, slots=True)
class HeatReason:
    """Something that makes heat what it is. `share` is its size beside the largest, 0 to 100."""

    title: str
    at: datetime | None
    points: float
    share: float


def words(slug: str) -> str:
    """`no_answer` as a person says it."""
    return slug.replace("_", " ")


def level(heat: float) -> float:
    """How much of an ember's ring glows, 0 to 100. It never fills up."""
    return round(100 * (1 - math.exp2(-max(0.0, heat) / HALF_A_RING)), 1)


def money(amount: Money) -> str:
    return f"{amount.minor / 100:,.2f} {amount.currency}"


def said(activity: ShownActivity) -> tuple[str, str]:
    """What was done, and what came of it."""
    result = "" if activity.result is ActivityResult.DONE else words(activity.result)
    return DID[activity.kind], result


def fact(item: Mapping[str, Any]) -> TimelineLine:
    """A line of a timeline, from the item the API gives, with whose doing it was."""
    line, rep = _line(item), (item.get("data") or {}).get("rep")
    actor = item.get("actor")
    by = f"by {actor}" if actor and actor != rep else ""
    whose = f"for {rep}" if rep and by else f"by {rep}" if rep else ""
    return replace(line, details=(*line.details, *(each for each in (by, whose) if each)))


def _line(item: Mapping[str, Any]) -> TimelineLine:
    """What happened. In one piece, because it is a table: a case an event."""
    data: Mapping[str, Any] = item.get("data") or {}
    at, text = datetime.fromisoformat(item["at"]), item.get("text")

    def get(name: str) -> str:
        return words(str(data.get(name) or ""))

    match item["type"].removeprefix("ascua.").rpartition(".")[0]:
        case "lead.captured":
            return _fact(at, get("channel") or "ember", "Captured", get("channel"), get("campaign"))
        case "lead.stage_changed":
            return _fact(at, "stage", f"Moved to {get('stage') or 'another stage'}")
        case "lead.offered":
            return _fact(at, "offer", "Offer sent", _money(data))
        case "lead.won":
            return _fact(at, "won", "Won", _money(data))
        case "lead.lost":
            return _fact(at, "lost", "Lost", get("reason"))
        case "rules.published":
            return _fact(at, "stage", "Rules published", get("rules"), minor=True)
        case "lead.qualified":
            known = data.get("attributes") or {}
            return _fact(at, "stage", "Qualified", *(words(f"{name}: {known[name]}") for name in known))
        case "lead.merged" if data.get("survivor"):
            return _fact(at, "stage", f"Became part of {data['survivor']}")
        case "lead.merged":
            return _fact(at, "stage", f"Took in {data.get('absorbed') or 'another lead'}")
        case "lead.split" if data.get("survivor"):
            return _fact(at, "stage", f"No longer part of {data['survivor']}")
        case "lead.split":
            return _fact(at, "stage", f"Let {data.get('absorbed') or 'another lead'} go")
        case "activity.logged":
            kind = ActivityKind(data.get("kind", ActivityKind.NOTE))
            title = DID[kind].capitalize()
            result = "" if data.get("result") == ActivityResult.DONE else get("result")
            if data.get("objection"):
                result = f"{result}: {get('objection')}"
            return _fact(at, kind, title, result, text=text)
        case "next_step.scheduled":
            return _fact(at, "clock", f"Next step: {get('action')}", get("because"), minor=True)
        case "next_step.done":
            return _fact(at, "won", "Next step kept", minor=True)
        case "next_step.due":
            what = "Handed to automation" if data.get("automatic") else "Due"
            return _fact(at, "clock", f"{what}: {get('action')}", minor=True)
        case "next_step.overdue":
            return _fact(at, "clock", "Overdue", _owned(data), minor=True)
        case "next_step.escalated":
            return _fact(at, "clock", f"Told to {data.get('manager') or 'the manager'}", _owned(data))
        case "owner.changed":
            return _fact(at, "stage", f"Now with {data.get('owner') or 'somebody else'}", get("because"))
        case "cadence.stopped":
            return _fact(at, "stage", "Cadence stopped", get("playbook"), get("because"), minor=True)
        case "cadence.paused":
            return _fact(at, "stage", "Cadence paused", get("because"), minor=True)
        case "cadence.resumed":
            return _fact(at, "stage", "Cadence goes on", minor=True)
        case "followup.closed":
            return _fact(at, "won", "Follow-up closed", get("reason"), minor=True)
        case "ticket.opened":
            return _fact(at, "ticket", "Ticket opened", get("category"), get("priority"), text=text)
        case "ticket.replied":
            who = "We replied" if data.get("author") == "agent" else "Customer wrote"
            return _fact(at, "ticket", who, _by(data), text=text)
        case "ticket.noted":
            return _fact(at, "ticket", "Note", _by(data), text=text)
        case "ticket.assigned":
            return _fact(at, "ticket", f"Ticket with {data.get('agent') or 'nobody'}", minor=True)
        case "ticket.waiting":
            title = f"Waiting for the {get('waits_for')}" if data.get("waits_for") else "Our turn"
            return _fact(at, "ticket", title, minor=True)
        case "ticket.classified":
            kinds = (get("category"), get("priority"), get("queue"), get("tier"))
            return _fact(at, "ticket", "Ticket is", *kinds, minor=True)
        case "ticket.escalated":
            return _fact(at, "ticket", f"Ticket told to {data.get('to') or 'somebody above'}", get("because"))
        case "ticket.reopened":
            return _fact(at, "ticket", "Ticket reopened", get("because"))
        case "ticket.closed":
            return _fact(at, "ticket", "Ticket closed", get("because"), minor=True)
        case "ticket.merged":
            return _fact(at, "ticket", "Ticket goes on in another", minor=True)
        case "ticket.absorbed":
            return _fact(at, "ticket", "Took in another ticket", minor=True)
        case "ticket.split":
            return _fact(at, "ticket", "Ticket split", minor=True)
        case "sla.warned":
            return _fact(at, "clock", f"Near its deadline: {get('clock')}", get("policy"), minor=True)
        case "sla.breached":
            return _fact(at, "clock", f"Deadline missed: {get('clock')}", get("policy"))
        case "sla.clock_ended":
            kept = {True: "Kept", False: "Missed"}.get(data.get("met"), "Over")  # type: ignore[arg-type]
            return _fact(at, "clock", f"{kept}: {get('clock')}", get("policy"), minor=True)
        case "ticket.linked":
            return _fact(at, "ticket", "Ticket belongs to a problem", minor=True)
        case "ticket.resolved":
            return _fact(at, "ticket", "Ticket resolved", get("resolution"), text=text)
        case "lead.went_hot":
            return _fact(at, "ember", "Went hot")
        case "lead.warmed":
            return _fact(at, "ember", "Warmed up")
        case "lead.cooled":
            return _fact(at, "ember", "Cooled down", get("band"))
        case "customer.at_risk":
            return _fact(at, "ember", "At risk of leaving")
        case "customer.recovered":
            return _fact(at, "ember", "No longer at risk")
        case "signal.received":
            kind_of_signal = str(data.get("kind") or "signal")
            attributes = (f"{words(name)} {value}" for name, value in (data.get("attributes") or {}).items())
            machine = "by a machine" if data.get("automated") else ""
            return _fact(
                at, _signal_icon(kind_of_signal), words(kind_of_signal).capitalize(), *attributes, machine
            )
        case other:
            return _fact(at, "ember", words(other.replace(".", " ")).capitalize())


def reasons(why: Mapping[str, Any]) -> list[HeatReason]:
    """Why heat is what it is, the weightiest first. They sum to the heat."""
    found: list[tuple[str, datetime | None, float]] = [
        (_kind(term["kind"]), datetime.fromisoformat(term["at"]), float(term["points"]))
        for term in why["terms"]
    ]
    found.append(("what everybody has", None, float(why["base"])))
    found += [
        (
            f"{_kind(rest['kind'])}, {rest['facts']:,} smaller ones",
            datetime.fromisoformat(rest["last_at"]),
            float(rest["points"]),
        )
        for rest in why["rest"]
    ]
    found += [
        (f"{words(fit['attribute'])}: {words(fit['value'])}", None, fit["points"]) for fit in why["fit"]
    ]
    found += [
        (
            f"{words(cap['group'])} counts only so much" if cap["group"] else "never below 0",
            None,
            cap["points"],
        )
        for cap in why["caps"]
    ]
    found = [each for each in found if abs(each[2]) >= 0.05]
    largest = max((abs(points) for _, _, points in found), default=1.0)
    found.sort(key=lambda each: -abs(each[2]))
    return [
        HeatReason(title.capitalize(), at, points, round(100 * abs(points) / largest, 1))
        for title, at, points in found
    ]


def _fact(
    at: datetime, icon: str, title: str, *details: str, text: str | None = None, minor: bool = False
) -> TimelineLine:
    return TimelineLine(at, icon, title, tuple(each for each in details if each), text, minor)


def _by(data: Mapping[str, Any]) -> str:
    return f"by {data['agent']}" if data.get("agent") else ""


def _owned(data: Mapping[str, Any]) -> str:
    return f"of {data['owner']}" if data.get("owner") else ""


def _kind(kind: str) -> str:
    owner, _, name = kind.rpartition(".")
    if kind == "activity.other":
        return "activity"
    return words(f"{owner} {name}" if owner == "ticket" else name)


def _money(data: Mapping[str, Any]) -> str:
    return money(Money.model_validate(data["value"])) if data.get("value") else ""


def _signal_icon(kind: str) -> str:
    icons = {"email": "email", "chat": "chat", "demo": "demo", "offer": "offer", "documents": "offer"}
    return icons.get(kind.partition("_")[0], "signal")
