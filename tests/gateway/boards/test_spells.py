"""The figures over all time are the figures as of every instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.boards.discipline.figures import Figure, Look, Period, items
from services.gateway.boards.discipline.spells import DERIVED, TIMELESS, spells
from services.gateway.boards.discipline.trail import Trail, trace
from shared.clock import from_milliseconds, milliseconds
from tests.followup.histories import Moment, histories

EVER = Period(datetime(1980, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def trail_of(history: list[Moment]) -> Trail:
    facts = [fact for moment in history for fact in moment.facts]
    return reduce(trace, facts, Trail(facts[0].lead_id))


def instants(trail: Trail) -> Iterator[datetime]:
    """Those around which anything may change."""
    times = {each.at for each in (*trail.contacts, *trail.owners, *trail.crossings)}
    times |= {
        each
        for promise in trail.promises
        for each in (promise.told_at, promise.due, promise.ended_at)
        if each
    }
    times |= {*trail.offers, trail.until, trail.absorbed_at or trail.until, trail.captured_at or trail.until}
    for at in times:
        if at < EVER.end:
            for later in (timedelta(0), timedelta(hours=1), timedelta(days=3), timedelta(days=5)):
                yield from (at + later + timedelta(milliseconds=by) for by in (-1, 0, 1))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(histories, st.data())
def test_the_items_as_of_an_instant_are_the_spells_around_it(
    history: list[Moment], data: st.DataObject
) -> None:
    trail = trail_of(history)
    kept = spells(trail)
    look_at = sorted(set(instants(trail)))
    for at in data.draw(st.lists(st.sampled_from(look_at), min_size=1, max_size=40)):
        now = milliseconds(at)
        for figure in set(Figure) - set(DERIVED):
            found = [
                (item.id, item.rep, item.seconds, item.count, item.state)
                for item in items(figure, [trail], Look(EVER, at))
            ]
            around = [
                (
                    each.id,
                    each.rep,
                    (now - each.measure if each.grows else each.measure) / 1000,
                    each.counts,
                    each.state,
                )
                for each in kept[figure]
                if each.since <= now < each.until
            ]
            assert sorted(around, key=str) == sorted(found, key=str), (figure, at)
            if figure not in TIMELESS:
                for each in kept[figure]:
                    if each.since <= now < each.until:
                        begin = from_milliseconds(each.at)
                        only = Look(Period(begin, begin + timedelta(milliseconds=1)), at)
                        assert each.id in [item.id for item in items(figure, [trail], only)]
