"""A consumer: what it cannot handle is put aside, the rest flows on, and nothing is ever lost, doubled or skipped."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from shared.bus.brokers import Brokers
from shared.bus.cluster import Cluster, admin
from shared.bus.dead_letter_topic import open_dead_letters, replay
from shared.bus.dead_letters import with_predecessors
from shared.bus.lag import lag
from shared.bus.outgoing import MAX_RECORD_BYTES, Outgoing
from shared.bus.publisher import Publisher
from shared.bus.received import Received
from shared.bus.topics import Topics
from shared.documents import Documents
from shared.errors import AscuaError, Conflict, NotFound, Refused, Unavailable
from shared.mongo import Mongo
from shared.reactions import Reactions
from tests.shared.kit import (
    Diary,
    Whim,
    abandoned_transaction,
    consuming,
    diaries,
    fact,
    facts,
    move,
    positions,
    published,
    publishing,
    stopped,
    told,
    until,
    writing,
)


async def hears(documents: Documents[Diary], lead: str, last: int) -> None:
    """Wait until the lead's diary has come to its `last` fact, and see that it holds each once and in order."""

    async def has_come() -> bool:
        diary = await documents.get(lead)
        return diary is not None and len(diary.lines) >= last

    await until(has_come)
    assert await documents.get(lead) == Diary(lead, told(lead, last))


async def caught_up(topics: Topics, group: str = "diary") -> bool:
    places = (await lag(topics, [group]))[group].values()
    return len(places) > 0 and all(place["lag"] == 0 for place in places)


def altered(outgoing: Outgoing, **attributes: object) -> Outgoing:
    body = {**json.loads(outgoing.value), **attributes}
    return Outgoing(outgoing.topic, outgoing.key, json.dumps(body).encode())


async def test_what_cannot_be_read_is_put_aside_with_its_reason_and_the_rest_flows_on(
    topics: Topics, mongo: Mongo
) -> None:
    documents = diaries(mongo)
    bad = {
        "not-utf8": Outgoing("leads", "ana", b"\xff{}"),
        "not-json": Outgoing("leads", "ana", b"{"),
        "not-cloudevent": Outgoing("leads", "ana", b"{}"),
        "unknown-type": altered(fact("ana", 1), type="ascua.lead.abducted.v1"),
        "unknown-version": altered(fact("ana", 1), type="ascua.lead.stage_changed.v9"),
        "wrong-data": altered(fact("ana", 1), data={"stage": 7}),
        "sequence-gap": fact("leo", 7),
    }
    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 2))
        places = dict(zip(bad, await published(publisher, bad.values()), strict=True))
        await published(publisher, [fact("ana", 3), *facts("eva", 2)])
        async with consuming(topics, publisher, partial(writing.handle, documents), batch=3) as consumer:
            await hears(documents, "ana", 3)
            await hears(documents, "eva", 2)
            await until(partial(caught_up, topics))
            await consumer.check()
        letters = await open_dead_letters(topics, "diary")

    assert {letter.reason: (letter.partition, letter.offset) for letter in letters} == places
    assert {letter.reason: letter.original for letter in letters} == {
        reason: record.value for reason, record in bad.items()
    }
    assert await documents.get("leo") is None


async def test_a_record_as_large_as_they_get_can_be_put_aside(topics: Topics, mongo: Mongo) -> None:
    garbage = Outgoing("leads", "ana", b"\xff" * 512 * 1024)
    async with publishing(topics) as publisher:
        await published(publisher, [garbage, *facts("ana", 1)])
        documents = diaries(mongo)
        async with consuming(topics, publisher, partial(writing.handle, documents)):
            await hears(documents, "ana", 1)
            await until(partial(caught_up, topics))
        (letter,) = await open_dead_letters(topics)
    assert letter.original == garbage.value


async def test_of_a_record_larger_than_ours_the_beginning_is_put_aside_and_the_rest_flows_on(
    topics: Topics, mongo: Mongo
) -> None:
    foreign = AIOKafkaProducer(**topics.brokers.client)
    await foreign.start()
    await foreign.send_and_wait(topics.name("leads"), key=b"ana", value=b"\xff" * 600 * 1024)
    await foreign.stop()
    documents = diaries(mongo)
    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 1))
        async with consuming(topics, publisher, partial(writing.handle, documents)):
            await hears(documents, "ana", 1)
            await until(partial(caught_up, topics))
        (letter,) = await open_dead_letters(topics)
    assert letter.original == b"\xff" * MAX_RECORD_BYTES
    assert f"the first {MAX_RECORD_BYTES} of {600 * 1024} bytes are kept" in letter.sentence


async def test_what_stands_behind_a_parked_event_is_parked_too(topics: Topics, mongo: Mongo) -> None:
    documents = diaries(mongo)
    whim = Whim("lead:ana/2")
    async with publishing(topics) as publisher:
        await published(publisher, [*facts("ana", 4), *facts("leo", 4)])
        async with consuming(topics, publisher, partial(Reactions(Diary, whim).handle, documents), batch=2):
            await hears(documents, "leo", 4)
            await until(partial(caught_up, topics))
        letters = await open_dead_letters(topics)

    assert [letter.reason for letter in letters] == ["disliked", "sequence-gap", "sequence-gap"]
    assert await documents.get("ana") == Diary("ana", told("ana", 1))
    assert "lead:ana/3" not in whim.heard


async def test_too_many_dead_letters_make_it_wait_and_it_goes_on_by_itself(
    topics: Topics, mongo: Mongo
) -> None:
    documents = diaries(mongo)
    handle = partial(writing.handle, documents)
    async with publishing(topics) as publisher:
        await published(publisher, [Outgoing("leads", "ana", b"?") for _ in range(5)])
        await published(publisher, facts("ana", 2))
        async with consuming(topics, publisher, handle, dead_letter_limit=0) as consumer:
            await until(lambda: consumer.status()["waits"])
            with pytest.raises(Refused, match=r"diary waits: too many .*not-json.* `ascua dlq list`"):
                await consumer.check()
        assert sum((await positions(topics, "diary")).values()) == 0
        assert await open_dead_letters(topics) == []

        async with consuming(
            topics, publisher, handle, dead_letter_limit=2, dead_letter_window=0.2
        ) as consumer:
            await until(partial(caught_up, topics))
            await consumer.check()
            await hears(documents, "ana", 2)
        assert len(await open_dead_letters(topics)) == 5


async def test_what_waits_behind_a_parked_fact_uses_up_no_allowance_nor_does_a_vain_replay(
    topics: Topics, mongo: Mongo
) -> None:
    documents, whim = diaries(mongo), Whim("lead:ana/1")
    handle = partial(Reactions(Diary, whim).handle, documents)
    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 30))
        async with consuming(topics, publisher, handle, dead_letter_limit=1) as consumer:
            await until(partial(caught_up, topics))
            letters = await open_dead_letters(topics)
            assert [letter.reason for letter in letters] == ["disliked", *["sequence-gap"] * 29]
            assert {letter.aggregate for letter in letters} == {"lead:ana"}
            await replay(publisher, letters)

            async def have_come_back() -> bool:
                again = await open_dead_letters(topics)
                return len(again) == 30 and all(
                    one.at > old.at for one, old in zip(again, letters, strict=True)
                )

            await until(have_come_back)
            await consumer.check()
            whim.dislikes.clear()
            # Naming the last is enough: those before it go along.
            assert with_predecessors(letters[-1:], letters) == letters
            assert with_predecessors(letters[:1], letters) == letters[:1]
            await replay(publisher, await open_dead_letters(topics))
            await hears(documents, "ana", 30)
            assert await open_dead_letters(topics) == []


async def test_what_is_parked_stays_parked_through_a_restart_and_uses_up_no_allowance_again(
    topics: Topics, mongo: Mongo
) -> None:
    documents, whim = diaries(mongo), Whim("lead:ana/1")
    handle = partial(Reactions(Diary, whim).handle, documents)
    async with publishing(topics) as publisher:
        history = facts("ana", 31)
        await published(publisher, history[:1])
        async with consuming(topics, publisher, handle, dead_letter_limit=1):
            await until(partial(caught_up, topics))
        whim.dislikes.clear()  # what comes now would be handled, were its predecessor not parked
        await published(publisher, history[1:])
        async with consuming(topics, publisher, handle, dead_letter_limit=0) as consumer:
            await until(partial(caught_up, topics))
            await consumer.check()
            letters = await open_dead_letters(topics)
            assert [letter.reason for letter in letters] == ["disliked", *["sequence-gap"] * 30]
            assert await documents.get("ana") is None
            await replay(publisher, letters)
            await hears(documents, "ana", 31)


async def test_a_topic_deleted_and_made_anew_stops_it(topics: Topics, mongo: Mongo) -> None:
    documents = diaries(mongo)
    handle = partial(writing.handle, documents)
    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 3))
        async with consuming(topics, publisher, handle):
            await hears(documents, "ana", 3)
            await until(partial(caught_up, topics))
    async with admin(topics.brokers) as client:
        await client.delete_topics([topics.name("leads")])

        async def is_gone() -> bool:
            return topics.name("leads") not in await client.list_topics()

        await until(is_gone)
    assert await Cluster(topics).apply() == [topics.name("leads")]
    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 5))
        for _ in range(2):  # also the second time
            async with consuming(topics, publisher, handle) as consumer:
                assert "is not the topic known before" in await stopped(consumer)
    assert await documents.get("ana") == Diary("ana", told("ana", 3))


async def test_a_position_beyond_the_end_of_the_log_stops_it(topics: Topics, mongo: Mongo) -> None:
    documents = diaries(mongo)
    async with publishing(topics) as publisher:
        ((partition, _), *_) = await published(publisher, facts("ana", 3))
        beyond = {TopicPartition(topics.name("leads"), partition): 100}
        await move(topics, "diary", beyond)
        async with consuming(topics, publisher, partial(writing.handle, documents)) as consumer:
            assert "position 100 lies beyond the end 3" in await stopped(consumer)
    assert await documents.get("ana") is None
    assert await positions(topics, "diary") == beyond


@pytest.mark.parametrize("error", [Unavailable("away", "try again"), Conflict("busy", "try again")])
async def test_while_a_server_is_away_it_waits_and_loses_nothing(
    topics: Topics, mongo: Mongo, error: AscuaError
) -> None:
    documents = diaries(mongo)
    failures = 0

    async def handle(batch: Sequence[Received]) -> Sequence[AscuaError | None]:
        nonlocal failures
        outcomes = await writing.handle(documents, batch)
        if failures < 3:  # the batch is written, and yet the answer never came
            failures += 1
            raise error
        return outcomes

    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 5))
        async with consuming(topics, publisher, handle):
            await until(partial(caught_up, topics))
            assert await documents.get("ana") == Diary("ana", told("ana", 5))
        assert failures == 3
        assert await open_dead_letters(topics) == []


async def test_what_is_delivered_again_is_not_written_again(topics: Topics, mongo: Mongo) -> None:
    documents = diaries(mongo)
    handle = partial(writing.handle, documents)
    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 5))
        async with consuming(topics, publisher, handle):
            await hears(documents, "ana", 5)
            await until(partial(caught_up, topics))
        await move(topics, "diary", dict.fromkeys(await positions(topics, "diary"), 0))
        await published(publisher, [fact("ana", 6)])
        async with consuming(topics, publisher, handle):
            await hears(documents, "ana", 6)
            await until(partial(caught_up, topics))
        assert await open_dead_letters(topics) == []


async def test_members_that_come_and_go_while_others_are_slow_double_nothing(
    topics: Topics, mongo: Mongo
) -> None:
    documents = diaries(mongo)
    leads = [f"lead-{number}" for number in range(12)]
    going = asyncio.Event()
    deliveries = 0

    async def slow(batch: Sequence[Received]) -> Sequence[AscuaError | None]:
        nonlocal deliveries
        outcomes = await writing.handle(documents, batch)
        deliveries += len(batch)
        await going.wait()
        return outcomes

    async with publishing(topics) as publisher:
        await published(publisher, [each for lead in leads for each in facts(lead, 6)])
        async with consuming(topics, publisher, slow, batch=20) as first:

            async def has_begun() -> bool:
                return deliveries >= 20

            await until(has_begun)
            async with consuming(topics, publisher, slow, batch=20) as second:

                async def both_have() -> bool:
                    return deliveries >= 40

                await until(both_have)
                going.set()
                for lead in leads:
                    await hears(documents, lead, 6)
                await until(partial(caught_up, topics))
                await first.check()
                await second.check()
            await published(publisher, [fact(lead, 7) for lead in leads])
            for lead in leads:
                await hears(documents, lead, 7)
            await first.check()
        assert await open_dead_letters(topics) == []


async def test_an_idle_group_has_no_lag_also_behind_the_marks_of_transactions(
    topics: Topics, mongo: Mongo
) -> None:
    documents = diaries(mongo)
    handle = partial(writing.handle, documents)
    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 2))
        async with consuming(topics, publisher, handle):
            await hears(documents, "ana", 2)
            await abandoned_transaction(topics, "leads", "ana")
            await until(partial(caught_up, topics))
        await abandoned_transaction(topics, "leads", "ana")
        assert not await caught_up(topics)
        async with consuming(topics, publisher, handle):
            await until(partial(caught_up, topics))


async def test_a_consumer_that_is_told_to_stop_finishes_what_it_has_begun(
    topics: Topics, mongo: Mongo
) -> None:
    documents = diaries(mongo)
    begun = asyncio.Event()

    async def handle(batch: Sequence[Received]) -> Sequence[AscuaError | None]:
        begun.set()
        await asyncio.sleep(0.1)
        return await writing.handle(documents, batch)

    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 3))
        async with consuming(topics, publisher, handle):
            await begun.wait()
        assert await documents.get("ana") == Diary("ana", told("ana", 3))
        assert await caught_up(topics)


async def test_it_does_not_start_without_a_broker(mongo: Mongo) -> None:
    nowhere = Topics(Brokers("127.0.0.1:9"), "nowhere")
    with pytest.raises(Unavailable, match=r"no Kafka broker answers at 127\.0\.0\.1:9"):
        async with consuming(nowhere, Publisher(nowhere), partial(writing.handle, diaries(mongo))):
            pass


async def test_a_refusal_that_a_handler_lets_out_puts_that_record_aside_and_no_other(
    topics: Topics, mongo: Mongo
) -> None:
    documents = diaries(mongo)

    async def handle(batch: Sequence[Received]) -> Sequence[AscuaError | None]:
        if any(received.event.lead_id == "nobody" for received in batch):
            raise NotFound("not-here", "there is nothing here")
        return await writing.handle(documents, batch)

    async with publishing(topics) as publisher:
        await published(publisher, [*facts("ana", 2), fact("nobody", 1), fact("ana", 3), *facts("leo", 2)])
        async with consuming(topics, publisher, handle) as consumer:
            await hears(documents, "ana", 3)
            await hears(documents, "leo", 2)
            await until(lambda: caught_up(topics))
            await consumer.check()

    assert [letter.reason for letter in await open_dead_letters(topics)] == ["not-here"]


async def test_positions_are_committed_by_time_and_at_the_end_not_by_the_batch(
    topics: Topics, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COMMIT_SECONDS", "SETTLED_SECONDS"):
        monkeypatch.setattr(f"shared.bus.offsets.{name}", 60.0)
    commits: list[dict[TopicPartition, int]] = []
    commit = AIOKafkaConsumer.commit

    async def counted(self: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        commits.append(offsets)
        await commit(self, offsets)

    monkeypatch.setattr(AIOKafkaConsumer, "commit", counted)
    documents = diaries(mongo)
    async with publishing(topics) as publisher:
        await published(publisher, facts("ana", 20))
        async with consuming(topics, publisher, partial(writing.handle, documents), batch=2) as consumer:
            await hears(documents, "ana", 20)
            await until(lambda: sum(consumer.handled.values()) == 20)
            assert commits == []
        assert len(commits) == 1
        await until(partial(caught_up, topics))
