"""What the gateway passes on as it comes: each route with its owner, who answers the same path without `/v1`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import BaseModel

from services.gateway.access.roles import (
    Scope,
)
from services.gateway.clients import WITHIN
from shared.commands.followup import (
    AssignLead,
    LogActivity,
    PlanStep,
    PublishPlaybooks,
)
from shared.commands.leads import (
    ChangeStage,
    LeadForm,
    LoseLead,
    MergeLeads,
    OfferLead,
    QualifyLead,
    SplitLead,
    WinLead,
    WithdrawConsent,
)
from shared.commands.tickets import (
    AnswerTicket,
    ApplyMacro,
    AssignTicket,
    ClassifyTicket,
    CloseTicket,
    EscalateTicket,
    LinkTicket,
    Macro,
    MergeTickets,
    PublishPolicies,
    ReopenTicket,
    ReplyTicket,
    ResolveTicket,
    SplitTicket,
    WaitTicket,
)


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A route: `name` is its operation's, `body` a form that is checked here.

    `needs_lead`: the lead in the path or in the body must be known, which its owner alone could not say.
    `is_keyed`: it may be sent again under an `Idempotency-Key`.
    """

    name: str
    method: Literal["GET", "POST"]
    path: str
    owner: Literal["leads", "followup", "tickets", "scoring"]
    scope: Scope
    tag: str
    summary: str
    body: type[BaseModel] | None = None
    status: int = 200
    needs_lead: bool = False
    is_keyed: bool = False
    description: str | None = None
    within: float = WITHIN
    """Seconds that its owner may take."""


def _command(
    name: str,
    path: str,
    owner: Literal["leads", "followup", "tickets"],
    body: type[BaseModel],
    summary: str,
    *,
    scope: Scope = Scope.WORK,
    status: int = 200,
    needs_lead: bool = False,
    description: str | None = None,
) -> PassedOn:
    return PassedOn(
        name, "POST", path, owner, scope, "commands", summary, body, status, needs_lead, True, description
    )


_LEAD: Final = "/leads/{lead_id}"
_TICKET: Final = "/tickets/{ticket_id}"
_CAPTURE, _READ, _OPERATE = Scope.CAPTURE, Scope.READ, Scope.OPERATE

RECKONED_WITHIN: Final = 600.0
"""Seconds in which the clocks of all tickets are reckoned anew."""

ROUTES: Final = (
    _command("capture_lead", "/leads", "leads", LeadForm, "Capture a lead", scope=_CAPTURE, status=201),
    _command("change_stage", f"{_LEAD}/stage", "leads", ChangeStage, "Move an open lead to another stage"),
    _command("offer", f"{_LEAD}/offers", "leads", OfferLead, "Record an offer that was sent"),
    _command("win", f"{_LEAD}/won", "leads", WinLead, "Win a lead"),
    _command("lose", f"{_LEAD}/lost", "leads", LoseLead, "Lose a lead, with a reason"),
    _command(
        "qualify",
        f"{_LEAD}/qualification",
        "leads",
        QualifyLead,
        "Say what a lead is, in words",
        description="ICP, budget, authority, need, timeframe: what the rules give fit points for. "
        "Replaces what was said.",
    ),
    _command(
        "withdraw_consent",
        f"{_LEAD}/consent-withdrawal",
        "leads",
        WithdrawConsent,
        "Forget what concerns the person, who no longer agrees",
    ),
    _command("merge", f"{_LEAD}/merge", "leads", MergeLeads, "Merge another lead into this one"),
    _command("split", f"{_LEAD}/split", "leads", SplitLead, "Let a merged lead stand alone again"),
    _command(
        "log", f"{_LEAD}/activities", "followup", LogActivity, "Log an activity", status=201, needs_lead=True
    ),
    _command(
        "plan", f"{_LEAD}/next-step", "followup", PlanStep, "Say what is done next, and when", needs_lead=True
    ),
    _command("assign", f"{_LEAD}/owner", "followup", AssignLead, "Hand a lead to a rep", needs_lead=True),
    _command("reply", f"{_TICKET}/replies", "tickets", ReplyTicket, "Reply to a ticket, or leave a note"),
    _command(
        "answer",
        f"{_TICKET}/answers",
        "tickets",
        AnswerTicket,
        "Bring what the customer wrote",
        scope=_CAPTURE,
        description="It reopens a ticket that was resolved lately; of one resolved long ago it opens another that "
        "follows it. Says where it stands, and nothing else.",
    ),
    _command("assign_ticket", f"{_TICKET}/assignee", "tickets", AssignTicket, "Hand a ticket to an agent"),
    _command("wait", f"{_TICKET}/turn", "tickets", WaitTicket, "Say whose turn it is"),
    _command(
        "classify",
        f"{_TICKET}/classification",
        "tickets",
        ClassifyTicket,
        "Say anew what a ticket is: priority, category, queue, tier",
    ),
    _command("escalate", f"{_TICKET}/escalation", "tickets", EscalateTicket, "Let somebody above hear of it"),
    _command("resolve", f"{_TICKET}/resolution", "tickets", ResolveTicket, "Resolve a ticket"),
    _command(
        "reopen", f"{_TICKET}/reopening", "tickets", ReopenTicket, "Reopen a ticket that was not solved"
    ),
    _command("close", f"{_TICKET}/closing", "tickets", CloseTicket, "Put a resolved ticket away"),
    _command("link", f"{_TICKET}/problem", "tickets", LinkTicket, "Say to which problem a ticket belongs"),
    _command("apply_macro", f"{_TICKET}/macro", "tickets", ApplyMacro, "Do to a ticket what a macro says"),
    PassedOn(
        "macros", "GET", "/macros", "tickets", _READ, "reads", "What agents do again and again, by name"
    ),
    PassedOn(
        "keep_macro", "POST", "/macros", "tickets", _OPERATE, "macros", "Keep a macro under its name", Macro
    ),
    _command(
        "merge_tickets",
        f"{_TICKET}/merge",
        "tickets",
        MergeTickets,
        "Let another ticket of the same lead go on in this one",
    ),
    _command(
        "split_ticket",
        f"{_TICKET}/split",
        "tickets",
        SplitTicket,
        "Make part of a ticket a ticket of its own",
        status=201,
        description="Answers with the new one.",
    ),
    PassedOn(
        "policies", "GET", "/sla", "tickets", _READ, "sla", "The policies in force, as they were written"
    ),
    PassedOn(
        "preview_policies",
        "POST",
        "/sla/preview",
        "tickets",
        _OPERATE,
        "sla",
        "What publishing policies would change now",
        PublishPolicies,
        within=RECKONED_WITHIN,
    ),
    PassedOn(
        "publish_policies",
        "POST",
        "/sla",
        "tickets",
        _OPERATE,
        "sla",
        "Put policies in force",
        PublishPolicies,
        within=RECKONED_WITHIN,
        description="Open clocks are reckoned anew from the history of their tickets; those that have ended stay as "
        "they were, unless `closed_too`.",
    ),
    PassedOn("ticket", "GET", _TICKET, "tickets", _READ, "reads", "Everything about a ticket"),
    PassedOn(
        "in_force",
        "GET",
        "/playbooks",
        "followup",
        _READ,
        "playbooks",
        "The playbooks in force, as they were written",
    ),
    PassedOn(
        "preview",
        "POST",
        "/playbooks/preview",
        "followup",
        _OPERATE,
        "playbooks",
        "What publishing playbooks would do now",
        PublishPlaybooks,
    ),
    PassedOn(
        "publish",
        "POST",
        "/playbooks",
        "followup",
        _OPERATE,
        "playbooks",
        "Put playbooks in force",
        PublishPlaybooks,
        description="Who is on the way in an unchanged playbook stays, in a changed one goes on from the same step, "
        "else ends.",
    ),
    PassedOn(
        "trial",
        "GET",
        "/playbooks/{name}/trial",
        "followup",
        _READ,
        "playbooks",
        "What an experiment has shown",
    ),
    PassedOn(
        "rules",
        "GET",
        "/rules",
        "scoring",
        _READ,
        "reads",
        "All rules that were ever published, and which are in force",
    ),
    PassedOn(
        "rules_text",
        "GET",
        "/rules/{version}",
        "scoring",
        _READ,
        "reads",
        "Rules as they were written, with their comments",
    ),
)
