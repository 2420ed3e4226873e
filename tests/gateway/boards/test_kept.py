"""The board that is kept is the board computed, after every fact and as of any instant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.boards.discipline import board as discipline
from services.gateway.boards.discipline.board import NOBODY, By, Choice
from services.gateway.boards.discipline.figures import Figure, Look, Period
from services.gateway.boards.discipline.kept import KeptBoard, Wanted
from services.gateway.boards.discipline.trail import Trail, trace
from shared.clock import from_milliseconds, milliseconds
from tests.followup.histories import NOON, Moment, histories

HOURS: dict[str, int] = {"one": 2, "other": 3}
"""In one country half of all time is business time, in the other a third; marta works twice as long."""


def pace(version: str, rep: str | None) -> int:
    return HOURS[version] * (1 if rep == "marta" else 2)


def worked(version: str, rep: str | None, start: datetime, end: datetime) -> timedelta:
    return timedelta(milliseconds=(milliseconds(end) - milliseconds(start)) // pace(version, rep))


def reckon(version: str, wanted: Sequence[Wanted]) -> list[int]:
    """What followup answers."""
    return [
        milliseconds(each.start) + (3_600_000 + 1) * pace(version, each.rep)
        if each.end is None
        else worked(version, each.rep, each.start, each.end) // timedelta(milliseconds=1)
        for each in wanted
    ]


def asked_of(kept: KeptBoard, version: str, *looks: Look) -> KeptBoard:
    kept.learn(version, [], [])
    while wanted := kept.lacking(3, looks):
        kept.learn(version, wanted, reckon(version, wanted))
    return kept


LENGTHS = (1, 2, 3_600_000, 90_000_000, 900_000_000)


def summed(kept: KeptBoard, at: datetime, rng: Random) -> list[int]:
    """Sum beforehand what is seen around an instant; return instants at which that is told."""
    asked_of(kept, "one")  # what is learned later makes sums untrue
    now = milliseconds(at)
    window = kept.open_window(now - rng.choice(LENGTHS) + 1, now + rng.choice(LENGTHS))
    for figure in kept.figures:
        kept.fill(window, figure)
    assert kept.window(now, 0) is window
    return [window.start, now, rng.randrange(window.start, window.end), window.end - 1]


instants = st.integers(-2_000_000, 9_000_000).map(lambda seconds: NOON + timedelta(seconds=seconds))
choices = st.builds(
    Choice,
    rep=st.sampled_from([None, None, None, "marta", NOBODY, "unheard_of"]),
    channel=st.sampled_from([None, None, "web"]),
    origin=st.sampled_from([None, None, "search", NOBODY]),
    campaign=st.sampled_from([None, None, "autumn"]),
)


def same(
    kept: KeptBoard, trails: Sequence[Trail], at: datetime, rng: Random, choice: Choice, version: str
) -> None:
    end = at + timedelta(milliseconds=rng.choice([0, 0, 1, 9_999_999_999]))
    period = Period(end - timedelta(milliseconds=rng.choice([1, 86_400_000, 30 * 86_400_000])), end)
    is_timed = rng.random() < 0.9
    hours = (lambda rep, start, end: worked(version, rep, start, end)) if is_timed else None
    look, before = Look(period, at, hours), Look(period.before, min(at, period.start), hours)
    by = rng.choice(list(By))
    asked_of(kept, version, look, before)
    if rng.random() < 0.3:
        summed(kept, before.at, rng)

    assert kept.board(look, before, choice, by, is_timed=is_timed) == discipline.board(
        trails, look, before, choice, by
    )
    figure, limit = rng.choice(list(Figure)), rng.choice([1, 2, 50])
    found = [
        (*discipline.place(item), item.trail.lead_id)
        for item in discipline.chosen(figure, trails, look, choice)
    ]
    after: tuple[float, str] | None = None
    pages = []
    while True:
        count, page = kept.part(figure, look, choice, after, limit, is_timed=is_timed)
        assert count == len(found)
        pages += [tuple(each) for each in page]
        if len(page) < limit:
            break
        after = page[-1].place, page[-1].id
    assert pages == found, figure


def told_of(moments: Sequence[Moment]) -> str | None:
    """The lead, from which its steps are named."""
    return next((fact.lead_id for moment in moments for fact in moment.facts), None)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(histories, min_size=1, max_size=5, unique_by=told_of),
    st.lists(st.tuples(instants, choices), min_size=1, max_size=8),
    st.randoms(),
)
def test_the_kept_board_is_the_computed_one(
    several: list[list[Moment]], looks: list[tuple[datetime, Choice]], rng: Random
) -> None:
    """After every fact, told in any interleaving, some of it twice, and with a restart in the middle."""
    kept, trails, told = KeptBoard(), dict[str, Trail](), list[datetime]()
    facts = {
        number: [fact for moment in each for fact in moment.facts] for number, each in enumerate(several)
    }
    while waiting := [number for number, left in facts.items() if left]:
        number = rng.choice(waiting)
        fact = facts[number].pop(0)
        id = f"{fact.lead_id}.{number}"
        trails[id] = trace(trails.get(id, Trail(id)), fact)
        kept.take([trails[id], *rng.sample(list(trails.values()), rng.choice([0, 0, 1]))])
        if rng.random() < 0.02:
            kept = KeptBoard()
            kept.take(list(trails.values()))
        if rng.random() < 0.1:
            told += map(from_milliseconds, summed(kept, rng.choice([fact.at, rng.choice(looks)[0]]), rng))
        if rng.random() < 0.2:
            near = fact.at + timedelta(milliseconds=rng.choice([-1, 0, 1]))
            at = rng.choice([near, rng.choice(looks)[0], *told[-4:]])
            version = "one" if rng.random() < 0.95 else "other"
            choice = rng.choice([Choice(), rng.choice(looks)[1]])
            same(kept, list(trails.values()), at, rng, choice, version)
    for at, choice in [*looks, *((at, Choice()) for at in told[-4:])]:
        same(kept, list(trails.values()), at, rng, choice, "one")
