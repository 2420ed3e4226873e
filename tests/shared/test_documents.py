"""Documents change as a whole: nothing is lost, doubled or skipped, however many write."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.applied_once import (
    Key,
    Seen,
    idempotency,
)
from shared.clock import utc_now
from shared.commands.leads import (
    OfferLead,
    WinLead,
)
from shared.documents import Decision, Documents, Outcome, Step
from shared.embedded.home import free_port
from shared.errors import NotFound, Refused, Unavailable
from shared.events.leads import LeadWon
from shared.mongo import Mongo
from tests.names import drawn
from tests.shared.kit import Diary, diaries


def says(id: str, word: str, guard: Seen | Key | None = None) -> Step[Diary]:
    """Write a word into a diary, and tell it."""

    def decide(diary: Diary | None) -> Decision[Diary]:
        diary = diary or Diary(id)
        won = LeadWon(lead_id=id, at=utc_now())
        return replace(diary, lines=(*diary.lines, word)), [won]

    return Step(id, decide, guard)


async def sequences(documents: Documents[Diary], id: str) -> list[int]:
    found = await documents.collection.find_one({"_id": id})
    return [each["sequence"] for each in found["outbox"]]


async def test_sixteen_writers_at_once_lose_nothing(mongo: Mongo) -> None:
    writers = [diaries(mongo), diaries(mongo)]

    async def write(number: int) -> None:
        for page in range(4):
            await writers[number % 2].change(says("ana", f"{number}.{page}"))

    await asyncio.gather(*(write(number) for number in range(16)))
    diary = await writers[0].get("ana")
    assert diary is not None
    assert sorted(diary.lines) == sorted(f"{number}.{page}" for number in range(16) for page in range(4))
    assert await sequences(writers[0], "ana") == list(range(1, 65))


async def test_batches_that_share_documents_lose_nothing_and_do_not_fail_together(mongo: Mongo) -> None:
    writers, names = [diaries(mongo), diaries(mongo)], list("abcdef")

    async def write(number: int) -> None:
        turned = names[number:] + names[:number]
        for page in range(3):
            done = await writers[number % 2].apply([says(id, f"{number}.{page}") for id in turned])
            assert {each.kind for each in done} == {"applied"}

    await asyncio.gather(*(write(number) for number in range(6)))
    for id, diary in (await writers[0].get_many(names)).items():
        assert sorted(diary.lines) == [f"{number}.{page}" for number in range(6) for page in range(3)]
        assert await sequences(writers[0], id) == list(range(1, 19))


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[str, str, int]]:
    """(document, aggregate, sequence) as a log may hold them: each aggregate in order, some delivered again."""
    owners = draw(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")), max_size=24))
    counts: dict[tuple[str, str], int] = {}
    log: list[tuple[str, str, int]] = []
    for document, aggregate in owners:
        counts[document, aggregate] = counts.get((document, aggregate), 0) + 1
        log.append((document, f"{aggregate}:{document}", counts[document, aggregate]))
    for at in draw(st.lists(st.integers(0, len(log)), max_size=2)):
        again = draw(st.integers(0, at))
        log[at:at] = log[again:at]
    return log


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(log=logs(), batches=st.tuples(st.integers(1, 9), st.integers(1, 9)))
async def test_two_who_race_through_the_same_log_leave_what_one_alone_would(
    mongo: Mongo, log: list[tuple[str, str, int]], batches: tuple[int, int]
) -> None:
    run = drawn()
    steps = [
        says(f"{document}-{run}", f"{aggregate}/{sequence}", Seen(aggregate, sequence))
        for document, aggregate, sequence in log
    ]

    async def follow(size: int) -> list[Outcome[Diary]]:
        documents = diaries(mongo)
        return [
            outcome
            for at in range(0, len(steps), size)
            for outcome in await documents.apply(steps[at : at + size])
        ]

    both = await asyncio.gather(*(follow(size) for size in batches))

    oracle: dict[str, list[str]] = {}
    for document, aggregate, sequence in log:
        lines = oracle.setdefault(document, [])
        if f"{aggregate}/{sequence}" not in lines:
            lines.append(f"{aggregate}/{sequence}")
    assert all(outcome.kind in ("applied", "known") for outcomes in both for outcome in outcomes)
    applied = sum(outcome.kind == "applied" for outcomes in both for outcome in outcomes)
    assert applied == sum(len(lines) for lines in oracle.values())
    for document, lines in oracle.items():
        diary = await diaries(mongo).get(f"{document}-{run}")
        assert diary is not None
        assert list(diary.lines) == lines
        assert await sequences(diaries(mongo), f"{document}-{run}") == list(range(1, len(lines) + 1))


async def test_a_known_sequence_is_skipped_and_one_that_comes_too_early_is_refused(mongo: Mongo) -> None:
    documents = diaries(mongo)
    outcomes = await documents.apply(
        [says("ana", f"word {n}", Seen("lead:ana", n)) for n in (1, 2, 2, 1, 4, 3, 4)]
    )

    kinds = [outcome.kind for outcome in outcomes]
    assert kinds == ["applied", "applied", "known", "known", "refused", "applied", "applied"]
    early = outcomes[4].error
    assert early is not None
    assert early.slug == "sequence-gap"
    assert await documents.get("ana") == Diary("ana", ("word 1", "word 2", "word 3", "word 4"))


async def test_holes_are_allowed_where_older_records_may_be_gone(mongo: Mongo) -> None:
    documents = diaries(mongo)
    outcomes = await documents.apply(
        [says("ana", f"word {n}", Seen("heat:ana", n, gapless=False)) for n in (3, 9, 5, 9)]
    )

    assert [outcome.kind for outcome in outcomes] == ["applied", "applied", "known", "known"]


async def test_a_key_used_again_answers_as_before_and_with_another_request_it_is_refused(
    mongo: Mongo,
) -> None:
    documents = diaries(mongo)
    first = await documents.change(says("ana", "hello", Key("k", "one")))
    again = await documents.change(says("ana", "hello", Key("k", "one")))

    assert (first.kind, again.kind, again.state) == ("applied", "known", first.state)
    with pytest.raises(Refused) as other:
        await documents.change(says("ana", "bye", Key("k", "two")))
    assert other.value.slug == "idempotency-key-reused"
    assert await documents.get("ana") == Diary("ana", ("hello",))


def test_two_kinds_of_command_that_look_alike_are_not_the_same_request() -> None:
    assert idempotency("k", OfferLead()) != idempotency("k", WinLead())
    assert idempotency("k", WinLead()) == idempotency("k", WinLead())


async def test_a_decision_with_a_bug_is_refused_and_the_others_go_on(mongo: Mongo) -> None:
    def fail(diary: Diary | None) -> Decision[Diary]:
        raise ZeroDivisionError

    def refuse(diary: Diary | None) -> Decision[Diary]:
        raise NotFound("not-here", "there is nothing here")

    documents = diaries(mongo)
    outcomes = await documents.apply(
        [says("ana", "one"), Step("ana", fail), says("ana", "two"), Step("leo", refuse), says("eva", "three")]
    )

    assert [outcome.error and outcome.error.slug for outcome in outcomes] == [
        None, "failed", None, "not-here", None,
    ]  # fmt: skip
    assert await documents.get_many(["ana", "leo", "eva"]) == {
        "ana": Diary("ana", ("one", "two")),
        "eva": Diary("eva", ("three",)),
    }


async def test_a_store_that_is_away_is_told_as_unavailable() -> None:
    away = Mongo(f"mongodb://127.0.0.1:{free_port()}/?directConnection=true", "nowhere")
    documents = diaries(away)
    try:
        asked = await asyncio.gather(
            away.check(),
            away.start(),
            documents.get("ana"),
            documents.find({"state.lead_id": "ana"}),
            documents.apply([says("ana", "hello")]),
            return_exceptions=True,
        )
    finally:
        await away.stop()
    assert [type(each) for each in asked] == [Unavailable] * 5


async def test_every_write_waits_for_the_journal(mongo: Mongo) -> None:
    assert diaries(mongo).collection.write_concern.document == {"w": 1, "j": True}
