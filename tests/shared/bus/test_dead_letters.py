"""Dead letters go back to the consumer that could not handle them, in order, and to no other."""

from __future__ import annotations

from functools import partial

from prometheus_client import REGISTRY

from shared.bus.dead_letter_topic import OpenDeadLetters, discard, open_dead_letters, replay
from shared.bus.dead_letters import DeadLetter
from shared.bus.lag import lag
from shared.bus.outgoing import Outgoing
from shared.bus.topics import DEAD_LETTERS, REPLAYS, Topics
from shared.documents import Documents
from shared.mongo import Mongo
from shared.reactions import Reactions
from tests.names import drawn
from tests.shared.kit import (
    Diary,
    Whim,
    consuming,
    diaries,
    fact,
    facts,
    published,
    publishing,
    told,
    until,
    writing,
)


async def caught_up(topics: Topics, *groups: str) -> bool:
    found = await lag(topics, groups)
    return all(places and all(place["lag"] == 0 for place in places.values()) for places in found.values())


async def test_letters_replayed_after_the_cause_is_mended_bring_what_a_sound_consumer_would_have(
    topics: Topics, mongo: Mongo
) -> None:
    documents, others = diaries(mongo), Documents(mongo.collection("others"), Diary)
    whim, sound = Whim("lead:ana/2", "lead:leo/1"), Whim()
    async with (
        publishing(topics) as publisher,
        consuming(topics, publisher, partial(Reactions(Diary, whim).handle, documents)),
        consuming(topics, publisher, partial(Reactions(Diary, sound).handle, others), "other"),
    ):
        await published(publisher, [*facts("ana", 4), *facts("leo", 3), *facts("eva", 2)])
        await until(partial(caught_up, topics, "diary", "other"))
        letters = await open_dead_letters(topics)
        assert [letter.reason for letter in letters].count("sequence-gap") == 4
        assert {letter.consumer for letter in letters} == {"diary"}
        assert await open_dead_letters(topics, "other") == []

        whim.dislikes.clear()
        assert await replay(publisher, letters) == 6
        assert await open_dead_letters(topics) == []
        await published(publisher, [fact("ana", 5)])
        await until(partial(caught_up, topics, "diary", "other"))

        oracle = {
            lead: Diary(lead, told(lead, last)) for lead, last in {"ana": 5, "leo": 3, "eva": 2}.items()
        }

        async def is_whole() -> bool:
            # The fifth may have come before its predecessors were back: then it is a letter again.
            await replay(publisher, await open_dead_letters(topics))
            return await documents.get_many(list(oracle)) == oracle

        await until(is_whole)
        assert await others.get_many(list(oracle)) == oracle
        assert sorted(sound.heard) == sorted(line for diary in oracle.values() for line in diary.lines)


async def test_a_letter_that_fails_again_comes_back(topics: Topics, mongo: Mongo) -> None:
    whim = Whim("lead:ana/1")
    async with (
        publishing(topics) as publisher,
        consuming(topics, publisher, partial(Reactions(Diary, whim).handle, diaries(mongo))),
    ):
        await published(publisher, facts("ana", 1))

        async def is_listed() -> bool:
            return len(await open_dead_letters(topics)) == 1

        await until(is_listed)
        (letter,) = await open_dead_letters(topics)
        await replay(publisher, [letter])
        await until(is_listed)
        (again,) = await open_dead_letters(topics)
        assert again.name == letter.name
        assert again.original == letter.original
        assert again.at > letter.at


async def test_a_letter_that_came_back_before_the_first_was_marked_as_sent_stays_listed(
    topics: Topics, mongo: Mongo
) -> None:
    whim = Whim("lead:ana/1")
    async with (
        publishing(topics) as publisher,
        consuming(topics, publisher, partial(Reactions(Diary, whim).handle, diaries(mongo))),
    ):
        await published(publisher, facts("ana", 1))

        async def is_listed() -> bool:
            return len(await open_dead_letters(topics)) == 1

        await until(is_listed)
        (letter,) = await open_dead_letters(topics)
        await published(publisher, [letter.to_replay()])

        async def has_come_back() -> bool:
            return (await open_dead_letters(topics))[0].at > letter.at

        await until(has_come_back)
        await published(publisher, [letter.to_mark()])
        assert [each.name for each in await open_dead_letters(topics)] == [letter.name]


async def test_letters_sent_back_twice_double_nothing(topics: Topics, mongo: Mongo) -> None:
    documents, whim = diaries(mongo), Whim("lead:ana/1")
    async with (
        publishing(topics) as publisher,
        consuming(topics, publisher, partial(Reactions(Diary, whim).handle, documents)) as consumer,
    ):
        await published(publisher, facts("ana", 3))

        async def are_listed() -> bool:
            return len(await open_dead_letters(topics)) == 3

        await until(are_listed)
        letters = await open_dead_letters(topics)
        whim.dislikes.clear()
        await replay(publisher, letters)
        await replay(publisher, letters)
        await until(partial(caught_up, topics, "diary"))
        await until(partial(_is, documents, Diary("ana", told("ana", 3))))
        assert await open_dead_letters(topics) == []
        await consumer.check()


async def test_replays_whose_address_cannot_be_read_stop_nobody(topics: Topics, mongo: Mongo) -> None:
    documents = diaries(mongo)
    addresses: list[tuple[tuple[str, bytes | None], ...]] = [
        (),
        (("consumer", None),),
        (("consumer", b"diary"), ("topic", b"leads")),
        (("consumer", b"diary"), ("topic", b"leads"), ("partition", b"0"), ("offset", b"\xff")),
    ]
    strays = [Outgoing(REPLAYS.name, "ana", b"{}", address) for address in addresses]  # type: ignore[arg-type]
    async with (
        publishing(topics) as publisher,
        consuming(topics, publisher, partial(writing.handle, documents)) as consumer,
    ):
        await published(publisher, [*strays, *facts("ana", 1)])
        await until(partial(caught_up, topics, "diary"))
        assert await documents.get("ana") == Diary("ana", told("ana", 1))
        await consumer.check()
    assert await open_dead_letters(topics) == []


async def test_a_gauge_says_how_many_are_open_whatever_else_stands_on_their_topic(topics: Topics) -> None:
    mine, theirs = drawn("consumer-"), drawn("consumer-")
    letters = [letter_of(mine, 1), letter_of(mine, 2), letter_of(theirs, 1)]
    strays = [
        Outgoing(DEAD_LETTERS.name, letters[0].name, b"?"),
        Outgoing(DEAD_LETTERS.name, "x", b"?", (("letter", b"{"),)),
        Outgoing(DEAD_LETTERS.name, "x", b"?", (("letter", b'{"unknown": 1}'),)),
        Outgoing(DEAD_LETTERS.name, letters[0].name, b"", (("sent", b"\xff"),)),
    ]

    def shows(*wanted: float) -> bool:
        found = (
            REGISTRY.get_sample_value("ascua_bus_dead_letters_open", {"consumer": each})
            for each in (mine, theirs)
        )
        return tuple(found) == wanted

    gauge = OpenDeadLetters(topics, look_seconds=0.05)
    async with publishing(topics) as publisher:
        await published(publisher, [each.to_record() for each in letters])
        await published(publisher, strays)
        await gauge.start()
        try:
            await until(partial(shows, 2.0, 1.0))
            assert gauge.status() == {"open": {mine: 2, theirs: 1}}
            await discard(publisher, letters[:1])
            await until(partial(shows, 1.0, 1.0))
            await replay(publisher, letters[1:])
            await until(partial(shows, 0.0, 0.0))
            await published(publisher, [letter_of(mine, 3).to_record()])
            await until(partial(shows, 1.0, 0.0))
            assert gauge.task is not None
            assert not gauge.task.done()
        finally:
            await gauge.stop()
        assert [each.name for each in await open_dead_letters(topics)] == [f"{mine}/leads/0/3"]


def letter_of(consumer: str, offset: int) -> DeadLetter:
    return DeadLetter(consumer, "leads", 0, offset, "ana", "not-json", "", "2026-11-21T09:30:00Z", b"{")


async def _is(documents: Documents[Diary], diary: Diary) -> bool:
    return await documents.get(diary.lead_id) == diary
