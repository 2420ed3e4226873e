"""How fast a worker reads the state of many leads back, and what a lead at rest takes of its memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from bench.scoring.cluster import Process, cluster, fill, now_ms, progress
from bench.scoring.plan import DAY_MS, Plan
from bench.scoring.traffic import new_leads, partition_of
from services.scoring.processor.decisions import settle, take_in
from services.scoring.processor.fact_mapping import live
from services.scoring.processor.lead import ScoredLead
from services.scoring.scorecard.compiled_rules import compile_rules
from services.scoring.scorecard.defaults import default_rules
from services.scoring.scorecard.fact import Fact
from shared.bus.topics import Topics

KINDS = (
    "signal.page_viewed",
    "signal.email_opened",
    "signal.chat_message",
    "signal.demo_requested",
    "activity.answered",
)
DISTINCT = 2_000


async def measure(plan: Plan) -> None:
    rates, bytes_per_lead = [], []
    async with cluster() as broker:
        async with broker.topics() as topics, await started(topics) as process:
            await process.hear()
            empty = process.rss()
        async with broker.topics() as topics:
            await fill_state(topics, new_leads(plan.leads))
            for _ in range(plan.runs):
                async with await started(topics) as process:
                    read_back = (await process.hear())["read_back"]
                    assert read_back["records"] == plan.leads, read_back
                    rates.append(read_back["records"] / read_back["seconds"])
                    bytes_per_lead.append((process.rss() - empty) / plan.leads)
                    progress(f"{rates[-1]:,.0f} records/s, {bytes_per_lead[-1]:.0f} bytes a lead")
    about = f"{plan.leads:,} leads of {len(KINDS)} kinds each, {_mean_size():.0f} bytes a record"
    plan.keep(
        [
            plan.row(f"{about}, read back by one worker", "records/s", rates, "≥ 150,000"),
            plan.row("memory of a lead at rest, of as many", "bytes", bytes_per_lead, "≤ 400"),
            plan.load(),
        ]
    )


async def started(topics: Topics) -> Process:
    return await Process.start("bench.scoring.worker", topics.prefix)


async def fill_state(topics: Topics, leads: Sequence[str]) -> None:
    records = state_records()
    await fill(
        topics,
        (
            ("scoring-state", partition_of(lead), lead.encode(), records[number % len(records)])
            for number, lead in enumerate(leads)
        ),
    )


def state_records(count: int = DISTINCT) -> list[bytes]:
    """State records of leads that did something of each kind in the last week, as they are now."""
    return [lead.encode() for lead in _leads(count)]


def _leads(count: int) -> Iterator[ScoredLead]:
    lot, rules, now = Random(3), compile_rules(default_rules()), now_ms()
    for number in range(count):
        lead = ScoredLead.new("lead")
        lead.rules = rules.code
        for place, at in enumerate(sorted(now - lot.randrange(7 * DAY_MS) for _ in KINDS)):
            kind = KINDS[(number + place) % len(KINDS)]
            of_service = kind.startswith("activity.")
            aggregate, sequence = ("followup:lead", 1) if of_service else (None, None)
            fact = Fact(f"{number}-{place}-{lot.getrandbits(64)}", kind, at, aggregate, sequence)
            take_in(lead, live("lead", fact), rules)
        settle(lead, now, rules)
        yield lead


def _mean_size() -> float:
    records = state_records(200)
    return sum(map(len, records)) / len(records)
