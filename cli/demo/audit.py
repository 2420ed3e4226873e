"""Was anything lost or doubled? Found out from the log and from what the API shows, not from what services say.

`judge` is pure and compares four things:
1. What was acknowledged: each signal by its id, each command by its request id, which its fact carries as correlation
   id. It must be in the log as exactly one fact; a fact that was published again with the same sequence is the same.
2. The sequences of every aggregate: no holes, and no two facts with one number.
3. The facts in the log against the view of the lead: status, stage, activities, open tickets, one next step or none.
4. The facts in the log against the reasons of heat: each counts in exactly one term; and the heat that the stream told
   is the one that these facts explain at that instant, so the stream too counted each of them once.
What is missing counts as lost, what is there more than once as doubled.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from cli.demo.player import AT_ONCE, Door, Keys, PlayedBeat
from shared.bus.cluster import admin
from shared.bus.topics import FACTS, HEAT, Topics
from shared.commands.followup import (
    LogActivity,
)
from shared.commands.leads import (
    CaptureLead,
    ChangeStage,
    LoseLead,
    OfferLead,
    WinLead,
)
from shared.commands.tickets import (
    OpenTicket,
    ReplyTicket,
    ResolveTicket,
)
from shared.errors import Unavailable
from shared.events.base import Event, Recorded, decode
from shared.events.followup import ActivityLogged
from shared.events.leads import LeadCaptured, LeadLost, LeadOffered, LeadStageChanged, LeadWon, Stage
from shared.events.scoring import CrossingEvent
from shared.events.signals import SignalReceived
from shared.events.tickets import (
    TicketCategory,
    TicketEvent,
    TicketMerged,
    TicketOpened,
    TicketReopened,
    TicketReplied,
    TicketResolved,
)
from shared.tasks import ended

FACT_OF: Final[Mapping[type, type[Event]]] = {
    CaptureLead: LeadCaptured,
    ChangeStage: LeadStageChanged,
    OfferLead: LeadOffered,
    WinLead: LeadWon,
    LoseLead: LeadLost,
    LogActivity: ActivityLogged,
    OpenTicket: TicketOpened,
    ReplyTicket: TicketReplied,
    ResolveTicket: TicketResolved,
}
"""What a command must become."""
_POLL: Final = 0.25
MOST = 500
"""Terms asked for: no lead of the script has more facts."""
_SAME_HEAT: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Shown:
    """What the API shows of a lead: its 360 view, and the explanation as of the heat that was told last."""

    view: Mapping[str, Any]
    explained: Mapping[str, Any]


@dataclass(slots=True)
class Verdict:
    """`events` are the distinct facts in the log; `findings` say, a sentence each, what was lost or doubled."""

    events: int = 0
    lost: int = 0
    doubled: int = 0
    findings: list[str] = field(default_factory=list)

    def expect(self, what: str, wanted: int, found: int) -> None:
        self.lost += max(0, wanted - found)
        self.doubled += max(0, found - wanted)
        if wanted != found:
            self.findings.append(f"{what}: {found} instead of {wanted}")


def judge(
    played: Iterable[PlayedBeat], log: Iterable[Recorded[Event]], shown: Mapping[str, Shown]
) -> Verdict:
    """Compare what was acknowledged, what is in the log, and what is shown of each lead."""
    verdict, facts = Verdict(), {_name(recorded): recorded for recorded in log}
    told = list(facts.values())
    verdict.events = len({_numbered(name) for name in facts})
    _judge_acknowledged(verdict, played, told)
    _judge_sequences(verdict, told)
    by_lead: dict[str, list[Recorded[Event]]] = defaultdict(list)
    for recorded in told:
        by_lead[recorded.lead_id].append(recorded)
    for lead_id, of_lead in by_lead.items():
        if lead_id in shown:
            _judge_view(verdict, lead_id, of_lead, shown[lead_id].view)
            _judge_heat(verdict, lead_id, of_lead, shown[lead_id])
        else:
            verdict.expect(f"{lead_id}, shown", 1, 0)
    return verdict


_Name = tuple[str, int | None, str]


def _name(recorded: Recorded[Event]) -> _Name:
    """One record for one fact, however often it was published; two facts that claim one number stay two."""
    return recorded.aggregate or recorded.lead_id, recorded.sequence, recorded.id


def _numbered(name: _Name) -> tuple[str, int | str]:
    aggregate, sequence, id = name
    return aggregate, id if sequence is None else sequence


def _judge_acknowledged(
    verdict: Verdict, played: Iterable[PlayedBeat], told: Sequence[Recorded[Event]]
) -> None:
    became = Counter((each.trace.correlation_id, type(each.event)) for each in told)
    signals = {each.id for each in told if isinstance(each.event, SignalReceived)}
    for each in played:
        if isinstance(each.beat.what, tuple):
            for signal in each.beat.what:
                found = int(signal.id in signals)
                verdict.expect(f"signal {signal.id} in the log", int(each.acknowledged) or found, found)
        else:
            fact = FACT_OF[type(each.beat.what)]
            found = became[each.beat.key, fact]
            verdict.expect(
                f"{fact.type} of {each.beat.key} in the log", int(each.acknowledged) or min(found, 1), found
            )


def _judge_sequences(verdict: Verdict, told: Sequence[Recorded[Event]]) -> None:
    # A crossing told twice is one fact by its id; the sequence it carries is that of its episodes.
    numbers: dict[str, Counter[int]] = defaultdict(Counter)
    for each in told:
        if (
            each.aggregate is not None
            and each.sequence is not None
            and not isinstance(each.event, CrossingEvent)
        ):
            numbers[each.aggregate][each.sequence] += 1
    for aggregate, found in numbers.items():
        for number in range(1, max(found) + 1):
            verdict.expect(f"number {number} of {aggregate} in the log", 1, found[number])


def _judge_view(
    verdict: Verdict, lead_id: str, told: Sequence[Recorded[Event]], view: Mapping[str, Any]
) -> None:
    kinds = Counter(type(each.event) for each in told)
    status = "won" if kinds[LeadWon] else "lost" if kinds[LeadLost] else "open"
    verdict.expect(f"{lead_id}, activities", kinds[ActivityLogged], view["activities"])
    verdict.expect(f"{lead_id}, status {status}", 1, int(view["status"] == status))
    verdict.expect(f"{lead_id}, stage", 1, int(view["stage"] == _stage(told)))
    verdict.expect(f"{lead_id}, next steps", int(status == "open"), int(view["next_step"] is not None))
    opened = Counter(
        each.event.ticket_id for each in told if isinstance(each.event, TicketOpened | TicketReopened)
    )
    resolved = Counter(
        each.event.ticket_id for each in told if isinstance(each.event, TicketEvent) and _settles(each.event)
    )
    listed = Counter(ticket["id"] for ticket in view["tickets"])
    for ticket in opened | listed:
        verdict.expect(
            f"{lead_id}, ticket {ticket}", max(0, opened[ticket] - resolved[ticket]), listed[ticket]
        )


def _settles(event: Event) -> bool:
    return isinstance(event, TicketResolved) or (isinstance(event, TicketMerged) and not event.was_resolved)


def _stage(told: Sequence[Recorded[Event]]) -> Stage:
    stage = Stage.NEW
    of_lead = [each for each in told if each.event.topic == LeadCaptured.topic]
    for each in sorted(of_lead, key=lambda each: each.sequence or 0):
        match each.event:
            case LeadCaptured(stage=now) | LeadStageChanged(stage=now):
                stage = now
            case LeadOffered() as offered:
                stage = offered.stage_after(stage)
    return stage


def _counts(event: Event) -> bool:
    """Whether the default rules give it points, as they do to all signals of the script."""
    if isinstance(event, TicketOpened):
        return event.category is TicketCategory.COMPLAINT
    return isinstance(event, (SignalReceived, *FACT_OF.values()))


def _judge_heat(verdict: Verdict, lead_id: str, told: Sequence[Recorded[Event]], shown: Shown) -> None:
    terms = Counter(term["event_id"] for term in shown.explained["terms"])
    counted = {each.id for each in told if _counts(each.event)}
    for id in counted | set(terms):
        verdict.expect(f"{lead_id}, terms of {id}", int(id in counted), terms[id])
    heat = shown.view["heat"]
    verdict.expect(f"{lead_id}, heat", 1, int(heat is not None))
    if heat is not None:
        more = heat["points"] - shown.explained["heat"]
        verdict.expect(
            f"{lead_id}, heat told as explained", 1, 1 + (more > _SAME_HEAT) - (more < -_SAME_HEAT)
        )


async def caught_up(door: Door, operator: str, patience: float = 60.0) -> None:
    """Return once every fact has reached heat and views. Raises `Unavailable` when nothing moves for `patience`."""
    last, moved = None, time.monotonic()
    # A group whose coordinator is on its way back shows no positions at all, and so no lag.
    while not (
        (status := await door.ask("GET", "/v1/status", operator))["caught_up"] and all(status["lag"].values())
    ):
        if status["lag"] != last:
            last, moved = status["lag"], time.monotonic()
        elif time.monotonic() - moved > patience:
            raise Unavailable("not-caught-up", "heat and views do not catch up; see `ascua doctor`")
        await asyncio.sleep(_POLL)


async def read_log(topics: Topics, prefix: str, patience: float = 60.0) -> list[Recorded[Event]]:
    """Everything in the fact topics about leads whose id begins with `prefix`, repeats too, as committed."""
    found = []
    async with AIOKafkaConsumer(
        **topics.brokers.client, isolation_level="read_committed", auto_offset_reset="earliest"
    ) as reader:
        places = await _places(topics, [topic.name for topic in FACTS])
        reader.assign(places)
        await reader.seek_to_beginning(*places)
        ends = await reader.end_offsets(places)
        deadline = time.monotonic() + patience
        while any([await reader.position(place) < ends[place] for place in places]):
            if time.monotonic() > deadline:
                raise Unavailable("log-unreadable", "the log cannot be read to its end; see `ascua doctor`")
            for records in (await reader.getmany(timeout_ms=200, max_records=5_000)).values():
                found += [
                    decode(record.value)
                    for record in records
                    if (record.key or b"").startswith(prefix.encode())
                ]
    return found


async def look(door: Door, keys: Keys, lead_ids: Iterable[str]) -> dict[str, Shown]:
    """What the API shows of each lead."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(lead_id: str) -> Shown:
        async with places:
            view = (await door.ask("GET", f"/v1/leads/{lead_id}", keys.rep))["lead"]
            at = {"limit": MOST, **({"at": view["heat"]["at"]} if view["heat"] else {})}
            path = f"/v1/leads/{lead_id}/heat/explain"
            return Shown(view, await door.ask("GET", path, keys.rep, params=at))

    ids = list(lead_ids)
    return dict(zip(ids, await asyncio.gather(*(one(lead_id) for lead_id in ids)), strict=True))


class HeatWatch:
    """When heat changes came out of `ascua.heat`, by this machine's clock, from the moment it is entered."""

    def __init__(self, topics: Topics, prefix: str) -> None:
        self._topics, self._prefix = topics, prefix.encode()
        self._reader = AIOKafkaConsumer(**topics.brokers.client)
        self._heard: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> HeatWatch:
        await self._reader.start()
        places = await _places(self._topics, [HEAT.name])
        self._reader.assign(places)
        ends = await self._reader.end_offsets(places)
        for place in places:
            self._reader.seek(place, ends[place])
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            await ended(self._task)
        await self._reader.stop()

    def seconds(self, log: Iterable[Recorded[Event]]) -> list[float]:
        """From when a signal was recorded to when its effect came out, for each signal that happened as it was sent.

        The effect is the first heat change of its lead that is as of the signal's instant or later: a lead's beats
        are played one after the other, so no earlier one can be. Signals of the past are left out: of them it cannot
        be told which heat change was the first to hold them.
        """
        taken = []
        for each in {each.id: each for each in log if isinstance(each.event, SignalReceived)}.values():
            recorded = each.recorded_at.timestamp()
            if each.event.at == each.recorded_at:
                heard = [when for at, when in self._heard[each.lead_id] if at >= each.event.at]
                taken += [when - recorded for when in heard[:1]]
        return taken

    async def _listen(self) -> None:
        while True:
            try:
                found = await self._reader.getmany(timeout_ms=1_000)
            except KafkaError:
                await asyncio.sleep(0.1)  # the broker is away; positions are kept
                continue
            now = time.time()
            for record in (record for records in found.values() for record in records):
                if record.value and (record.key or b"").startswith(self._prefix):
                    event = decode(record.value).event
                    self._heard[event.lead_id].append((event.at, now))


async def _places(topics: Topics, names: Iterable[str]) -> list[TopicPartition]:
    """All partitions of the topics with these short names."""
    wanted = {topics.name(name) for name in names}
    async with admin(topics.brokers) as client:
        return [
            TopicPartition(topic["topic"], each["partition"])
            for topic in await client.describe_topics()
            if topic["topic"] in wanted
            for each in topic["partitions"]
        ]
