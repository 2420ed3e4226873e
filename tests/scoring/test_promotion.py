"""Published rules reach every lead exactly: while facts flow, after a crash, and for records that were damaged."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from random import Random

from aiokafka import AIOKafkaProducer

from services.scoring.processor.fact_mapping import map_event
from services.scoring.processor.lead import FORMAT, ScoredLead
from services.scoring.rules_log import RulesLog, publish
from services.scoring.scorecard.compiled_rules import CompiledRules, compile_rules
from services.scoring.scorecard.defaults import default_rules, default_text
from services.scoring.scorecard.lead_state import LeadState, fold
from services.scoring.scorecard.parser import parse_rules
from services.scoring.scorecard.record import is_whole
from shared.bus.publisher import Publisher
from shared.bus.topics import Topics
from shared.clock import utc_now
from shared.events import Recorded, decode
from shared.events.base import Event
from shared.events.scoring import CrossingEvent
from tests.scoring.log import Reader, producer, records
from tests.scoring.test_service import Channel, captured, process, signal
from tests.servers import Addresses
from tests.waiting import until

LEADS = [f"lead-{number}" for number in range(30)]
LONGER = default_text().replace("signal.chat_message: {half_life: 2d", "signal.chat_message: {half_life: 5d")


def state_under(rules: CompiledRules, story: list[Recorded[Event]]) -> bytes:
    state = LeadState()
    for each in story:
        fact = map_event(each)
        fold(state, fact, rules.step(fact).counters)
    return state.digest()


def story_of(random: Random, number: int) -> list[Recorded[Event]]:
    now = utc_now()
    kinds = ["page_viewed", "chat_message", "email_opened", "demo_requested"]
    return [
        signal(random.choice(LEADS), random.choice(kinds), now - timedelta(minutes=random.randrange(60)))
        for _ in range(number)
    ]


async def published(servers: Addresses, topics: Topics, text: str) -> str:
    rulebook, publisher = RulesLog(topics), Publisher(topics)
    await rulebook.start()
    await publisher.start()
    publication = await publish(rulebook, publisher, text, "test", None, utc_now())
    await publisher.stop()
    await rulebook.stop()
    return publication.version


async def test_rules_published_while_facts_flow_give_each_lead_the_state_of_its_facts(
    servers: Addresses, topics: Topics
) -> None:
    random = Random(5)
    story: list[Recorded[Event]] = [captured(lead) for lead in LEADS] + story_of(random, 600)
    after = compile_rules(parse_rules(LONGER))

    async with producer(topics) as sender, Reader(topics, "scoring-state") as state:
        channel = Channel(topics, sender)

        async def is_right(rules: CompiledRules) -> bool:
            kept = {
                record.key.decode(): ScoredLead.decode("", record.value)
                for record in await state.read()
                if record.value and is_whole(record.value, FORMAT)
            }
            wanted = {lead: state_under(rules, [e for e in story if e.lead_id == lead]) for lead in LEADS}
            return {lead: (each.state.digest(), each.rules) for lead, each in kept.items()} == {
                lead: (digest, rules.code) for lead, digest in wanted.items()
            }

        async with process(servers, topics) as running:
            await channel.tell(*story)
            await until(lambda: is_right(compile_rules(default_rules())))
            more = story_of(random, 600)
            flow = asyncio.create_task(trickle(channel, more))
            version = await published(servers, topics, LONGER)
            await flow
            story += more
            await until(lambda: is_right(after))
            running.kill()
        await damage(sender, topics, LEADS[7])
        async with process(servers, topics):
            more = story_of(random, 60)
            await channel.tell(*more)
            story += more
            await until(lambda: is_right(after))
    told: dict[str, list[CrossingEvent]] = {}
    for record in await records(topics, "scoring"):
        event = decode(record.value).event
        assert isinstance(event, CrossingEvent)
        told.setdefault(event.lead_id, []).append(event)
    for crossings in told.values():
        assert [each.episode for each in crossings] == list(range(1, len(crossings) + 1))
    assert version == after.version


async def trickle(channel: Channel, story: list[Recorded[Event]]) -> None:
    for each in story:
        await channel.tell(each)


async def damage(sender: AIOKafkaProducer, topics: Topics, lead: str) -> None:
    """Leave a state record of a lead that nobody can read."""
    await sender.send_and_wait(topics.name("scoring-state"), b"\x02 no state", key=lead.encode())
