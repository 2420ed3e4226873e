"""Dead letters go back to the consumer that could not handle them, in order, and to no other."""

from __future__ import annotations

from functools import partial

from shared.bus.dead_letter_topic import open_dead_letters, replay
from shared.bus.lag import lag
from shared.bus.outgoing import Outgoing
from shared.bus.topics import REPLAYS, Topics
from shared.documents import Documents
from shared.mongo import Mongo
from shared.reactions import Reactions
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


async def _is(documents: Documents[Diary], diary: Diary) -> bool:
    return await documents.get(diary.lead_id) == diary
