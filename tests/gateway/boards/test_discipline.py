"""The figures of the board, each by a story that makes it what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import count, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.boards.discipline import board as discipline
from services.gateway.boards.discipline.board import By, Choice, percentile
from services.gateway.boards.discipline.figures import HINTS, Figure, Item, Kept, Look, Period, items, spans
from services.gateway.boards.discipline.trail import NEVER, Trail, trace
from shared.events.base import Event
from shared.events.followup import (
    ActivityKind,
    ActivityLogged,
    ActivityResult,
    Direction,
    FollowUpClosed,
    NextStepDone,
    NextStepScheduled,
)
from shared.events.leads import (
    Channel,
    LeadCaptured,
    LeadLost,
    LeadOffered,
    LeadsMerged,
    LeadSplit,
    LeadWon,
    Money,
)
from shared.events.scoring import Band, LeadCooled, LeadWarmed

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
MONTH = Period(MONDAY, MONDAY + timedelta(days=28))
CALL, NO_ANSWER, ANSWERED = ActivityKind.CALL, ActivityResult.NO_ANSWER, ActivityResult.ANSWERED


def after(days: float = 0, minutes: float = 0) -> datetime:
    return MONDAY + timedelta(days=days, minutes=minutes)


def at(now: datetime, period: Period = MONTH) -> Look:
    """A look in a country where half of all time is business time."""
    return Look(period, now, lambda _, start, end: (end - start) / 2)


class Story:
    """What happens to one lead, from its capture on Monday at nine."""

    def __init__(self, lead: str = "ana", **captured: object) -> None:
        self.lead, self._ids = lead, count(1)
        fields = {"channel": Channel.WEB, "at": MONDAY, **captured}
        self.events: list[Event] = [LeadCaptured.model_validate({"lead_id": lead, **fields})]

    def tell(self, event: type[Event], when: datetime, **fields: object) -> Story:
        self.events.append(event.model_validate({"lead_id": self.lead, "at": when, **fields}))
        return self

    def did(
        self, when: datetime, result: ActivityResult = ANSWERED, kind: ActivityKind = CALL, **fields: object
    ) -> Story:
        id = f"{self.lead}-a{next(self._ids)}"
        return self.tell(ActivityLogged, when, activity_id=id, kind=kind, result=result, **fields)

    def promised(self, when: datetime, due: datetime, id: str = "s1", **fields: object) -> Story:
        return self.tell(
            NextStepScheduled, when, step_id=id, action=CALL, due=due, because="new_lead", **fields
        )

    def kept(self, when: datetime, id: str = "s1") -> Story:
        return self.tell(NextStepDone, when, step_id=id, activity_id="x", due=when)

    def lost(self, when: datetime) -> Story:
        return self.tell(LeadLost, when, reason="no_budget").tell(FollowUpClosed, when, reason="no_budget")

    @property
    def trail(self) -> Trail:
        return reduce(trace, self.events, Trail(self.lead))


def found(figure: Figure, look: Look, *stories: Story, **choice: str) -> list[Item]:
    return discipline.chosen(figure, [story.trail for story in stories], look, Choice(**choice))


def test_speed_ends_at_the_first_contact_in_which_somebody_was_there() -> None:
    story = (
        Story().did(after(minutes=5), NO_ANSWER, rep="eva").did(after(minutes=50), rep="tom").did(after(1))
    )

    (item,) = found(Figure.SPEED, at(after(20)), story)

    assert (item.seconds, item.worked, item.rep, item.facts) == (3_000, 1_500, "tom", ("ana-a2",))


@pytest.mark.parametrize(
    ("result", "kind"),
    [(NO_ANSWER, CALL), (ActivityResult.WRONG_NUMBER, CALL), (ANSWERED, ActivityKind.NOTE)],
)
def test_a_note_a_wrong_number_and_no_answer_are_no_contact(
    result: ActivityResult, kind: ActivityKind
) -> None:
    assert found(Figure.SPEED, at(after(20)), Story().did(after(1), result, kind)) == []


def test_of_every_span_that_a_figure_measures_business_time_can_be_asked_first() -> None:
    stories = [Story().did(after(1), rep="eva").promised(after(1), after(2)), Story("bob")]
    trails, look = [story.trail for story in stories], at(after(10))

    known = {span: look.hours(*span) for span in spans(Figure, trails, look) if look.hours is not None}

    again = replace(look, hours=lambda *span: known[span])
    for figure in Figure:
        assert list(items(figure, trails, again)) == list(items(figure, trails, look))
    assert len(known) == 3


def test_what_came_before_the_capture_or_after_the_close_does_not_count() -> None:
    story = Story().did(after(days=-1)).lost(after(2)).did(after(3))

    assert found(Figure.SPEED, at(after(20)), story) == []
    assert found(Figure.ATTEMPTS, at(after(20)), story)[0].count == 0


def test_a_lead_is_untouched_until_we_try_and_their_own_call_is_no_try_of_ours() -> None:
    untouched = Story().did(after(1), direction=Direction.INBOUND)
    tried = Story("bob").did(after(1), NO_ANSWER)

    (item,) = found(Figure.UNTOUCHED, at(after(2)), untouched, tried)

    assert (item.trail.lead_id, item.seconds, item.worked) == ("ana", 2 * 86_400, 86_400)
    assert found(Figure.UNTOUCHED, at(after(hours := 0.5)), untouched, tried)[1].seconds == hours * 86_400


def test_a_step_is_overdue_from_its_time_until_it_is_done_replaced_or_needless() -> None:
    due = after(1)
    story = Story().promised(MONDAY, due, owner="eva").kept(after(3)).promised(after(3), after(9), "s2")

    assert found(Figure.OVERDUE, at(due), story) == []
    (item,) = found(Figure.OVERDUE, at(due + timedelta(seconds=7)), story)
    assert (item.id, item.seconds, item.rep) == ("s1", 7, "eva")
    assert found(Figure.OVERDUE, at(after(3)), story) == []
    assert [item.id for item in found(Figure.OVERDUE, at(after(10)), story)] == ["s2"]
    assert found(Figure.OVERDUE, at(after(10)), story.lost(after(9.5))) == []


def test_a_step_after_the_sale_is_a_promise_too() -> None:
    story = (
        Story()
        .promised(MONDAY, after(1))
        .tell(LeadWon, after(2))
        .tell(FollowUpClosed, after(2), reason="won")
    )
    assert story.trail.quiet_from == after(2)

    story.promised(after(3), after(5), "s2")

    assert [item.id for item in found(Figure.OVERDUE, at(after(6)), story)] == ["s2"]
    assert story.trail.quiet_from == NEVER
    assert story.kept(after(7), "s2").trail.quiet_from == after(7)


@pytest.mark.parametrize(
    ("done", "state", "late"),
    [(1, Kept.ON_TIME, 0), (0.5, Kept.ON_TIME, 0), (2, Kept.LATE, 86_400), (None, Kept.MISSED, 9 * 86_400)],
)
def test_a_promise_is_kept_in_time_late_or_not(done: float | None, state: Kept, late: float) -> None:
    story = Story().promised(MONDAY, after(1))
    if done is not None:
        story.kept(after(done))

    (item,) = found(Figure.FOLLOW_THROUGH, at(after(10)), story)

    assert (item.state, item.seconds) == (state, late)


def test_a_promise_that_was_moved_before_its_time_was_not_broken_but_one_moved_after_was() -> None:
    early = Story().promised(MONDAY, after(2)).promised(after(1), after(40), "s2")
    late = Story("bob").promised(MONDAY, after(2), "s3").promised(after(3), after(40), "s4")

    assert [item.id for item in found(Figure.FOLLOW_THROUGH, at(after(10)), early, late)] == ["s3"]


def test_calls_count_from_the_first_offer_to_the_close() -> None:
    story = Story().did(after(1)).tell(LeadOffered, after(2)).did(after(3), NO_ANSWER)
    story.did(after(4), kind=ActivityKind.EMAIL).tell(LeadOffered, after(5)).did(after(6))
    story.tell(LeadWon, after(7)).did(after(8))

    (item,) = found(Figure.CALLS_AFTER_OFFER, at(after(20)), story)

    assert (item.count, item.at) == (2, after(2))


def test_an_offer_is_late_after_five_days_until_somebody_is_in_touch() -> None:
    story = Story().tell(LeadOffered, after(2))

    assert found(Figure.LATE_AFTER_OFFER, at(after(7)), story) == []
    assert found(Figure.LATE_AFTER_OFFER, at(after(8)), story)[0].seconds == 86_400
    assert found(Figure.LATE_AFTER_OFFER, at(after(20)), story.did(after(9)))[0].seconds == 2 * 86_400


def test_a_lead_that_went_cold_without_a_try_tells_what_it_had_cost() -> None:
    cost = Money(minor=1_450)
    cooled = Story(acquisition_cost=cost).tell(LeadWarmed, after(0.1), episode=1, heat=30.0, rules="x")
    cooled.tell(LeadCooled, after(4), episode=2, heat=5.0, rules="x", band=Band.COLD)
    lost = Story("bob", acquisition_cost=cost).lost(after(3))
    tried = Story("cyd", acquisition_cost=cost).did(after(1), NO_ANSWER).lost(after(3))
    warm = Story("dan", acquisition_cost=cost)

    stories = [story.trail for story in (cooled, lost, tried, warm)]
    look = at(after(20))
    total = discipline.board(stories, look, at(MONDAY, MONTH.before), Choice(), By.REP).total.now

    assert (total.gone_cold.leads, total.gone_cold.cost) == (2, (Money(minor=2_900),))
    assert found(Figure.GONE_COLD, at(after(3.5)), cooled) == []


def test_a_lead_that_turned_out_to_be_another_one_counts_no_more_and_again_when_they_are_parted() -> None:
    story = Story().tell(LeadsMerged, after(2), survivor="bob", turn=1)

    assert len(found(Figure.LEADS, at(after(1)), story)) == 1
    assert found(Figure.LEADS, at(after(3)), story) == []
    story.tell(LeadSplit, after(4), survivor="bob", turn=2)
    assert len(found(Figure.LEADS, at(after(5)), story)) == 1


HINTED = {
    Figure.STALE_PROPOSALS: Story().tell(LeadOffered, after(1)).did(after(2), kind=ActivityKind.EMAIL),
    Figure.NO_FIRST_TRY: Story(),
    Figure.LEFT_INTERESTED: Story().did(after(1), ActivityResult.INTERESTED),
    Figure.GIVEN_UP_EARLY: Story().did(after(1), NO_ANSWER).lost(after(2)),
    Figure.ONE_WAY_ONLY: Story().did(after(1), NO_ANSWER).did(after(2), NO_ANSWER).did(after(3), NO_ANSWER),
    Figure.LONG_OVERDUE: Story().did(after(0.5)).promised(after(0.5), after(1)),
}


@pytest.mark.parametrize("figure", HINTS)
def test_a_hint_names_its_pattern_and_how_often_it_is_there(figure: Figure) -> None:
    one, other = HINTED[figure].trail, HINTED[figure].trail
    found = discipline.board([one, other], at(after(15)), at(MONDAY, MONTH.before), Choice(), By.REP).hints

    assert {hint.figure: hint.count for hint in found}[figure] == 2


@pytest.mark.parametrize("figure", HINTS)
def test_a_pattern_that_was_broken_is_no_hint(figure: Figure) -> None:
    story = Story(f"mended-{figure}")
    story.events += [each.model_copy(update={"lead_id": story.lead}) for each in HINTED[figure].events[1:]]
    story.did(after(1.9), ActivityResult.ANSWERED).did(after(14.9), kind=ActivityKind.CALL).kept(after(14.9))

    assert found(figure, at(after(15)), story) == []


def test_the_period_before_stands_beside_and_a_period_that_is_over_does_not_change() -> None:
    story = Story().did(after(minutes=10), rep="eva")
    later = Story("bob", at=after(28)).did(after(28, minutes=30), rep="eva")
    then = at(MONTH.end)
    now = at(after(60), Period(MONTH.end, after(56)))

    (row,) = discipline.board([story.trail, later.trail], now, then, Choice(), By.REP).rows

    assert (row.key, row.now.speed.p50, row.before.speed.p50) == ("eva", 1_800, 600)
    was = discipline.board([story.trail], then, then, Choice(), By.REP).total
    story.did(after(50)).lost(after(51))
    assert discipline.board([story.trail], then, then, Choice(), By.REP).total == was


def test_a_row_is_what_its_choice_opens() -> None:
    stories = [
        Story("ana", campaign="autumn").did(after(1), rep="eva"),
        Story("bob", channel=Channel.STORE).did(after(2), rep="tom"),
        Story("cyd"),
    ]
    look = at(after(10))
    for by in By:
        rows = discipline.board([each.trail for each in stories], look, look, Choice(), by).rows
        assert sum(row.now.leads for row in rows) == 3
        for row in rows:
            behind = found(Figure.SPEED, look, *stories, **{by.value: row.key})
            assert len(behind) == row.now.speed.contacted


facts = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["call", "lost", "offer"])), max_size=4, unique=True
)


@given(facts)
def test_the_order_in_which_owners_are_heard_does_not_matter(some: list[tuple[int, str]]) -> None:
    story = Story()
    for day, what in sorted(some):
        match what:
            case "call":
                story.did(after(day))
            case "offer":
                story.tell(LeadOffered, after(day))
            case _:
                story.tell(LeadLost, after(day), reason="no_budget")
    leads = [each for each in story.events if each.topic == "leads"]
    followup = [each for each in story.events if each.topic == "followup"]

    merged = {reduce(trace, order, Trail("ana")) for order in _merged(leads, followup)}

    assert len(merged) == 1


def _merged(one: list[Event], other: list[Event]) -> Iterator[list[Event]]:
    """Every way to read two topics, each in its own order."""
    total = len(one) + len(other)
    for places in {tuple(sorted(order[: len(one)])) for order in permutations(range(total))}:
        first, second = iter(one), iter(other)
        yield [next(first) if place in places else next(second) for place in range(total)]


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.9]))
def test_a_percentile_is_one_of_the_values_with_enough_below(values: list[float], share: float) -> None:
    value = percentile(values, share)

    assert value in values
    assert sum(each <= value for each in values) >= share * len(values)
    assert sum(each < value for each in values) < share * len(values)
