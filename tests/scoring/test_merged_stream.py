"""Leads that lie in different partitions are merged and split under real workers that die in between."""

from __future__ import annotations

import asyncio
from math import fsum

import pytest
from aiokafka.partitioner import DefaultPartitioner

from services.scoring.ledger import Ledger
from services.scoring.processor.crossings import band_of
from services.scoring.processor.fold import TIES
from services.scoring.processor.lead import ScoredLead
from services.scoring.queries.reads import Reads
from services.scoring.queries.reasons import explain
from services.scoring.queries.timeline import timeline
from services.scoring.rules_log import RulesLog
from services.scoring.scorecard.compiled_rules import compile_rules
from services.scoring.scorecard.defaults import default_rules
from services.scoring.scorecard.ties import Ties
from shared.bus.lag import lag
from shared.bus.topics import PARTITIONS, Topics
from shared.clock import utc_now
from shared.errors import Refused
from shared.events import decode
from shared.events.leads import LeadWon
from shared.events.scoring import CrossingEvent, HeatChanged
from shared.events.tickets import TicketOpened
from shared.mongo import Mongo
from tests.scoring.log import Reader, producer, records
from tests.scoring.merged import RULES, Story, check_crossings, state_of
from tests.scoring.test_service import Channel, process
from tests.servers import Addresses
from tests.waiting import until

LEADS = ("ana", "bea", "lea")


def named(name: str, number: int) -> str:
    """An id that begins so and lies in a partition."""
    ids = (f"{name}-{n}" for n in range(1_000))
    numbers = list(range(PARTITIONS))
    return next(id for id in ids if DefaultPartitioner()(id.encode(), numbers, numbers) == number)


class Kept:
    """What the log keeps of leads."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._newest: dict[str, bytes] = {}

    async def read(self) -> Kept:
        self._newest = {record.key.decode(): record.value for record in await self._reader.read()}
        return self

    def lead(self, lead_id: str) -> ScoredLead | None:
        if lead_id not in self._newest:
            return None
        lead = ScoredLead.decode(lead_id, self._newest[lead_id])
        if (ties := self._newest.get(lead_id + TIES)) is not None:
            lead.ties = Ties.decode(ties)
            lead.join()
        return lead

    def is_right(self, story: Story, *leads: str) -> bool:
        """Whether each lead's state is that of its facts, and what it counts with its members, to the byte."""
        for lead_id in leads:
            lead = self.lead(lead_id)
            if lead is None or lead.state.digest() != state_of(story.of(lead_id), RULES).digest():
                return False
            together = state_of(story.of(lead_id, *story.members(lead_id)), RULES)
            if lead.whole.counts_digest() != together.counts_digest():
                return False
            if (lead.ties or Ties()).survivor != story.survivor.get(lead_id):
                return False
        return True


@pytest.mark.timeout(180)
async def test_a_merge_carries_the_states_across_partitions_and_a_split_brings_them_back(
    servers: Addresses, topics: Topics
) -> None:
    ana, bea, lea = (named(name, number) for number, name in enumerate(LEADS))
    story, sent = Story(), 0
    mongo = Mongo(servers.mongo_url, f"{topics.prefix}_scoring")
    ledger = Ledger(mongo)
    async with producer(topics) as sender, Reader(topics, "scoring-state") as reader:
        channel, kept = Channel(topics, sender), Kept(reader)

        async def tell() -> None:
            nonlocal sent
            new, sent = story.facts[sent:], len(story.facts)
            for fact in new:
                await channel.tell(fact)

        async def settled() -> None:
            async def is_right() -> bool:
                return (await kept.read()).is_right(story, ana, bea, lea)

            await until(is_right)

        async with process(servers, topics) as running:
            for lead in (ana, bea, lea):
                story.signal(lead, "chat_message", 3)
            await tell()
            await settled()
            story.merge(ana, bea)
            for _ in range(40):
                story.signal(bea, "pricing_viewed")
                story.signal(ana, "page_viewed")
            flow = asyncio.create_task(tell())
            await until(lambda: records(topics, "scoring-members"))
            running.kill()
            await flow
        async with process(servers, topics) as running:
            story.tell(LeadWon, lea)
            story.merge(ana, lea)
            story.signal(lea, "demo_requested")
            story.tell(TicketOpened, bea, ticket_id=f"t-{bea}", category="complaint", priority="high")
            await tell()
            await settled()
            assert await explained(ledger, topics, ana) == {ana, bea, lea}
            page, _ = await timeline(Reads(ledger, RulesLog(topics), utc_now), ana, None, 500)
            assert {entry.lead_id for entry in page} == {ana, bea, lea}
            running.kill()
        async with process(servers, topics):
            story.split(bea)
            await tell()
            await settled()
            await until(lambda: is_caught_up(topics))
            assert await explained(ledger, topics, ana) == {ana, lea}
            assert await explained(ledger, topics, bea) == {bea}
        await kept.read()  # nobody tells anything any more: this is the last of every state
    await mongo.stop()
    for lead in (ana, bea, lea):
        found = [decode(each.value) for each in await records(topics, "scoring") if each.key == lead.encode()]
        crossings = [each for each in found if isinstance(each.event, CrossingEvent)]
        check_crossings(crossings)  # type: ignore[arg-type]
        stands = kept.lead(lead)
        assert stands is not None
        assert stands.heat.band == (band_of(crossings[-1].event) if crossings else "cold")  # type: ignore[arg-type]
    left = [each.key for each in await records(topics, "scoring-members") if each.value is None]
    assert left == [f"{ana}/{bea}".encode()]


async def explained(ledger: Ledger, topics: Topics, lead: str) -> set[str]:
    """The leads whose facts make a heat that was told; they sum to it."""
    event, reads = None, Reads(ledger, RulesLog(topics), utc_now)

    async def is_known() -> bool:
        nonlocal event
        told = [each for each in await records(topics, "heat") if each.key == lead.encode()]
        event = decode(told[-1].value).event
        assert isinstance(event, HeatChanged)
        found = await explain(reads, lead, event.at)
        return abs(found.score.heat - event.heat) < 1e-9

    await until(is_known)
    assert isinstance(event, HeatChanged)
    found = await explain(reads, lead, event.at)
    points = [each.points for each in found.score.terms] + [each.points for each in found.score.caps]
    assert fsum(points) == pytest.approx(event.heat, abs=1e-9)
    for band in (event.band, found.band):
        # Between leaving a band and entering it, the band is that of what came first, here or in the ledger.
        least, below = compile_rules(default_rules()).heat.limits(band)
        assert least <= event.heat < below
    if event.risk is not None:
        risk = (await explain(reads, lead, event.at, "risk")).score
        assert risk.heat == pytest.approx(event.risk.points, abs=1e-9)
    else:
        with pytest.raises(Refused, match="only a customer can be at risk"):
            await explain(reads, lead, event.at, "risk")
    return {term.about.lead_id for term in found.score.terms}  # type: ignore[attr-defined]


async def is_caught_up(topics: Topics) -> bool:
    """Also behind the markers of the transactions in which members tell what they count."""
    behind = await lag(topics, ["scoring"])
    return sum(place["lag"] for place in behind["scoring"].values()) == 0
