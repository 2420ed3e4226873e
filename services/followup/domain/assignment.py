"""Whose a lead is: followup alone says so, and tells why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.followup.domain.decision_builder import DecisionBuilder
from services.followup.domain.model import IMPORTED, Decision, FollowUp, heard
from services.followup.domain.playbooks import TEAM, Playbooks
from shared.commands.followup import AssignLead
from shared.errors import Refused
from shared.events.followup import OwnerChanged


def assign(followup: FollowUp | None, command: AssignLead, at: datetime, book: Playbooks) -> Decision:
    """The lead is handed to a rep. Raises `Refused("owner-unchanged")`, `Conflict("lead-not-heard")`."""
    followup = heard(followup)
    if followup.owner == command.rep:
        raise Refused("owner-unchanged", f"lead {followup.lead_id} is {command.rep}'s already")
    builder = DecisionBuilder(followup, book, at)
    hand_over(builder, command.rep, "handed_over")
    return builder.decision()


def bring_in(followup: FollowUp, owner: str, at: datetime, book: Playbooks) -> Decision:
    """The lead was this rep's in the program it comes from. Who has claimed it since, or was given it, keeps it."""
    if followup.owner not in (None, TEAM, book.owner_of(followup)) or followup.owner == owner:
        return followup, []
    builder = DecisionBuilder(followup, book, at)
    hand_over(builder, owner, IMPORTED)
    return builder.decision()


def claim(builder: DecisionBuilder, rep: str | None) -> None:
    """Who first does something for a lead of the team's takes it over."""
    if rep is not None and rep != TEAM and builder.now.owner in (None, TEAM):
        hand_over(builder, rep, "claimed")


def hand_over(builder: DecisionBuilder, rep: str, because: str) -> None:
    """The lead is this rep's from now on, and so is its open step, if it was the one's before."""
    now = builder.now
    builder.tell(
        OwnerChanged(lead_id=now.lead_id, at=builder.at, owner=rep, previous=now.owner, because=because)
    )
    step, previous = now.step, now.owner or TEAM
    if step is not None and step.owner == previous:
        step = replace(step, owner=rep)
    builder.now = replace(now, owner=rep, step=step)
