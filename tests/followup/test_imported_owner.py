"""Whose a lead was in the program it comes from is told by followup, whether its capture is heard first or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.followup.domain import assignment, decisions
from services.followup.domain.model import FollowUp
from services.followup.domain.playbook_parser import default_book
from shared.commands.followup import (
    AssignLead,
    LogActivity,
)
from shared.events.followup import ActivityKind, OwnerChanged
from shared.events.leads import Channel, LeadCaptured

BOOK = default_book()
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(days=60)
CAPTURED = LeadCaptured(lead_id="ana", at=LONG_AGO, channel=Channel.WEB)


def captured(followup: FollowUp) -> FollowUp:
    return decisions.captured(followup, CAPTURED, NOON, BOOK)[0]


def brought_in(followup: FollowUp) -> tuple[FollowUp, list[OwnerChanged]]:
    followup, facts = assignment.bring_in(followup, "carla", LONG_AGO, BOOK)
    return followup, [fact for fact in facts if isinstance(fact, OwnerChanged)]


def test_the_owner_is_told_with_the_time_and_the_step_is_theirs_in_either_order() -> None:
    before, (told,) = brought_in(FollowUp("ana"))
    after, (also,) = brought_in(captured(FollowUp("ana")))

    assert (told.owner, told.previous, told.because, told.at) == ("carla", None, "imported", LONG_AGO)
    assert (also.owner, also.because, also.at) == ("carla", "imported", LONG_AGO)
    for followup in (captured(before), after):
        assert followup.owner == "carla"
        assert followup.step is not None
        assert (followup.step.owner, followup.step.because) == ("carla", "imported")


@pytest.mark.parametrize("is_claimed", [True, False])
def test_who_has_it_since_keeps_it(is_claimed: bool) -> None:
    followup = captured(FollowUp("ana"))
    if is_claimed:
        command = LogActivity(kind=ActivityKind.CALL, rep="ben")
        followup, _ = decisions.log(followup, "a1", command, NOON, NOON, BOOK)
    else:
        followup, _ = assignment.assign(followup, AssignLead(rep="ben"), NOON, BOOK)

    assert brought_in(followup) == (followup, [])
