"""Nothing that was entered about people, or in their words, is on any topic."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, TopicPartition

from cli.demo.script import entered_texts
from shared.bus.cluster import admin
from shared.bus.topics import ALL, Topics
from tests.cli.demo.conftest import Run
from tests.conftest import System


async def everything(topics: Topics) -> AsyncIterator[tuple[str, bytes]]:
    """Topic and bytes (key, value, headers) of every record, those of aborted transactions too."""
    async with admin(topics.brokers) as client:
        places = [
            TopicPartition(topic["topic"], each["partition"])
            for topic in await client.describe_topics()
            if topic["topic"].startswith(f"{topics.prefix}.")
            for each in topic["partitions"]
        ]
    async with AIOKafkaConsumer(**topics.brokers.client) as reader:
        reader.assign(places)
        await reader.seek_to_beginning(*places)
        ends = await reader.end_offsets(places)
        while any([await reader.position(place) < ends[place] for place in places]):
            for records in (await reader.getmany(timeout_ms=200)).values():
                for record in records:
                    headers = [part for name, value in record.headers for part in (name.encode(), value)]
                    yield record.topic, b"\0".join([record.key or b"", record.value or b"", *headers])


def spellings(text: str) -> set[bytes]:
    """A text as it might stand in a record: as it is, without capitals, escaped for JSON, a number without spaces."""
    forms = {text, text.casefold(), json.dumps(text)[1:-1], json.dumps(text.casefold())[1:-1]}
    if re.fullmatch(r"\+[0-9 ]+", text):
        forms |= {re.sub(r"[^0-9]", "", text)}
    return {form.encode() for form in forms}


async def test_nothing_personal_is_on_any_topic(system: System, run: Run) -> None:
    entered = entered_texts(run.beats)
    wanted = {spelling for text in entered for spelling in spellings(text)}
    pattern = re.compile(b"|".join(re.escape(each) for each in sorted(wanted, key=len, reverse=True)))
    seen: dict[str, int] = {}
    found = []
    async for topic, record in everything(system.addresses.topics):
        seen[topic] = seen.get(topic, 0) + len(record)
        found += [(topic, hit.group()) for hit in pattern.finditer(record)]

    assert found == []
    assert len(entered) > 200
    assert pattern.search(b'{"name":"' + entered[0].encode() + b'"}')
    written = {system.addresses.topics.name(topic.name) for topic in ALL} - {
        system.addresses.topics.name(name) for name in ("dead-letters", "replays", "scoring-members")
    }
    unpublished = {system.addresses.topics.name(name) for name in ("rules", "playbooks", "sla")}
    assert written - unpublished <= seen.keys()
