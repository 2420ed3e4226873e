"""From the playbooks somebody is on their way in to those in force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal

from services.followup.domain.decision_builder import DecisionBuilder
from services.followup.domain.model import AGREED, Decision, FollowUp
from services.followup.domain.playbooks import Playbooks

Moved = Literal["stay", "move", "end"]


def moves(followup: FollowUp, book: Playbooks) -> Moved | None:
    """What other playbooks mean for one on the way; None for one that is in no cadence."""
    if followup.place is None:
        return None
    playbook = book.playbooks.get(followup.place.playbook)
    if playbook is None:
        return "end"
    if playbook.digest == followup.place.digest:
        return "stay"
    names: list[str | None] = [*dict(playbook.variants)] or [None]
    return "move" if playbook.step(followup.place.step) and followup.place.variant in names else "end"


def bring_up(followup: FollowUp, at: datetime, book: Playbooks) -> Decision:
    """Put one on the way under the playbooks in force: the promised step stays, what follows it is new."""
    if (moved := moves(followup, book)) in (None, "stay"):
        return followup, []
    assert followup.place is not None
    builder = DecisionBuilder(followup, book, at)
    if moved == "move":
        digest = book.playbooks[followup.place.playbook].digest
        builder.now = replace(builder.now, place=replace(followup.place, digest=digest))
    else:
        builder.stop("playbook_changed")
        if followup.paused_at is None and followup.step is not None and followup.step.because != AGREED:
            builder.carry_on(None, at)
    return builder.decision()


def brought_up(
    followup: FollowUp, at: datetime, book: Playbooks, decide: Callable[[FollowUp, Playbooks], Decision]
) -> Decision:
    """A decision on a follow-up that was put under the playbooks in force before."""
    followup, brought = bring_up(followup, at, book)
    followup, facts = decide(followup, book)
    return followup, brought + facts
