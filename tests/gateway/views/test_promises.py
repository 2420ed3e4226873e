"""The promised step is the same to the view, to the figures and to followup, whatever happens."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce

from hypothesis import given, settings

from services.gateway.boards.discipline.board import Choice, chosen
from services.gateway.boards.discipline.figures import Figure, Item, Look, Period
from services.gateway.boards.discipline.trail import Promise, Trail, trace
from services.gateway.views.view import LeadView, follow
from shared.events.base import Event
from shared.events.followup import OwnerChanged
from shared.events.leads import Channel, LeadCaptured, LeadWon
from shared.events.signals import SignalReceived
from tests.followup.histories import NOON, Moment, histories
from tests.followup.test_cadences import Story, after, lead


def told_by(story: Story, facts: list[Event]) -> Trail:
    captured = LeadCaptured(lead_id=story.state.lead_id, at=NOON, channel=Channel.WEB)
    return reduce(trace, [captured, *facts], Trail(story.state.lead_id))


def broken(trail: Trail) -> list[Item]:
    look = Look(Period(after(), after(days=60)), after(days=60))
    figures = (Figure.OVERDUE, Figure.FOLLOW_THROUGH)
    return [item for figure in figures for item in chosen(figure, [trail], look, Choice())]


def test_a_step_that_was_withdrawn_is_neither_overdue_nor_missed() -> None:
    """A customer whose welcome mail was sent does not want to hear from us before the call that follows."""
    story = lead()
    facts = [*story.facts]
    facts += story.hears(LeadWon, after(minutes=1)).facts
    facts += story.waits(after(hours=2)).facts
    facts += story.hears(SignalReceived, after(hours=3), kind="unsubscribed").facts

    assert story.state.step is None
    assert broken(told_by(story, facts)) == []


def test_a_handed_over_lead_keeps_the_step_that_was_somebody_elses() -> None:
    story = lead()
    view = reduce(follow, story.facts, LeadView(story.state.lead_id))
    assert view.next_step is not None

    other = follow(
        follow(view, OwnerChanged(lead_id=view.lead_id, at=NOON, owner="marta", because="handed_over")),
        OwnerChanged(lead_id=view.lead_id, at=NOON, owner="pedro", previous="rosa", because="handed_over"),
    )

    assert (other.owner, other.next_step and other.next_step.owner) == ("pedro", "marta")


@settings(derandomize=True, deadline=None, max_examples=200)
@given(histories)
def test_view_figures_and_followup_agree_on_the_promised_step(history: list[Moment]) -> None:
    view, trail = LeadView("ana"), Trail("ana")
    for moment in history:
        for fact in moment.facts:
            view, trail = follow(view, fact), trace(trail, fact)
            shown, open_ = view.next_step, promised(trail)
            assert (shown and (shown.id, shown.action, shown.due, shown.is_automatic)) == (
                open_ and (open_.id, open_.action, open_.due, open_.is_automatic)
            ), fact
        step = moment.followup.step
        assert (step and (step.id, step.action, step.due, step.automatic, step.owner)) == (
            view.next_step
            and (
                view.next_step.id,
                view.next_step.action,
                view.next_step.due,
                view.next_step.is_automatic,
                view.next_step.owner,
            )
        ), moment.facts


def promised(trail: Trail) -> Promise | None:
    """What the figures hold for open, at whatever instant from now on."""
    open_ = [each for each in trail.promises if each.is_open(NOON + timedelta(days=36_500))]
    assert len(open_) <= 1
    return open_[0] if open_ else None
