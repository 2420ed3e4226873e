"""Which rules were in force when: all that was ever published, read to the end of its topic at start and followed."""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from services.scoring.scorecard.defaults import default_rules, default_text
from services.scoring.scorecard.model import Rules
from services.scoring.scorecard.parser import parse_rules
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.topics import RULES, Topics
from shared.clock import from_milliseconds, milliseconds, new_id
from shared.errors import AscuaError, Conflict, NotFound, Refused, Unavailable
from shared.events.base import Recorded, decode, encode
from shared.events.rules import RulesPublished
from shared.logs import current_trace, logger
from shared.tasks import ended

EVER: Final = -(2**62)
"""Before anything was published, the rules that come along are in force: since ever."""
_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, order=True)
class Publication:
    """Rules and from when on they are in force; ordered as they take over from one another."""

    effective_ms: int
    offset: int
    rules: Rules = field(compare=False)
    text: str = field(compare=False)
    published_ms: int | None = field(compare=False, default=None)

    @property
    def version(self) -> str:
        return self.rules.version

    @property
    def effective_at(self) -> datetime | None:
        """None: since ever."""
        return None if self.effective_ms == EVER else from_milliseconds(self.effective_ms)


class RulesLog:
    """What was published on `ascua.rules`, as a part of a process.

    A record that cannot be read changes nothing: the rules before it stay in force, and scoring works on with them.
    `status` says so until rules that can be read are published after it.
    """

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._place = TopicPartition(topics.name(RULES.name), 0)
        self._publications = [Publication(EVER, -1, default_rules(), default_text())]
        self._next = 0
        self._is_read = False
        self._news = asyncio.Condition()
        self._unreadable: str | None = None
        self.on_change: Callable[[Publication], None] = lambda _: None
        """Called with each publication that comes after the start; it may take effect later."""
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the topic to its end, then follow it. Raises `Unavailable` when no broker answers."""
        consumer, end = await self._opened()
        try:
            while await consumer.position(self._place) < end:
                await self._take(await consumer.getmany(timeout_ms=500))
        except KafkaError as error:
            await consumer.stop()
            raise Unavailable("rules-unread", "the rules could not be read; the broker went away") from error
        self._is_read = True
        self.task = asyncio.create_task(self._follow(consumer), name="rulebook")

    async def stop(self) -> None:
        if self.task is not None:
            await ended(self.task)

    async def check(self) -> None:
        if not self._is_read or self.task is None or self.task.done():
            raise Unavailable("rules-unread", "the rules in force are not read yet; try again in a moment")

    def status(self) -> dict[str, object]:
        return {"publications": len(self._publications) - 1, "unreadable": self._unreadable}

    def at(self, instant_ms: int) -> Rules:
        """The rules in force at an instant; what was answered for a past one never changes."""
        return self.in_force(instant_ms).rules

    def in_force(self, instant_ms: int) -> Publication:
        """The publication that is in force at an instant."""
        place = bisect_right(self._publications, instant_ms, key=lambda each: each.effective_ms)
        return self._publications[max(0, place - 1)]

    def versions(self) -> Sequence[Publication]:
        """All publications as they take over from one another, first the rules that come along."""
        return tuple(self._publications)

    def find(self, version: str) -> Rules:
        """Rules that were published, or came along, by their version. Raises `NotFound`."""
        return self.publication(version).rules

    def publication(self, version: str) -> Publication:
        """The last publication of a version. Raises `NotFound`."""
        for publication in reversed(self._publications):
            if publication.version == version:
                return publication
        raise NotFound("no-such-rules", f"no rules {version} were ever published")

    async def reached(self, offset: int, within: float = 10.0) -> None:
        """Wait until what stands at an offset of the topic is read."""
        try:
            async with asyncio.timeout(within), self._news:
                await self._news.wait_for(lambda: self._next > offset)
        except TimeoutError:
            raise Unavailable("rules-unread", "the rules were published, and not read back in time") from None

    async def _opened(self) -> tuple[AIOKafkaConsumer, int]:
        """A consumer that stands where the next record is read, and where the topic ends by now."""
        consumer = AIOKafkaConsumer(
            **self._topics.brokers.client,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=5_000,
        )
        try:
            await consumer.start()
            # Asked before anything is fetched: a fetch that waits at the broker holds up what is asked after it.
            end = (await consumer.end_offsets([self._place]))[self._place]
            consumer.assign([self._place])
            consumer.seek(self._place, self._next)
        except KafkaError as error:
            await consumer.stop()
            raise self._topics.brokers.unreachable() from error
        if end < self._next:
            await consumer.stop()
            raise Refused(
                "log-went-back",
                f"{self._place.topic} ends at {end}, and was read to {self._next} before: it is another topic now",
            )
        return consumer, end

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        """Take what is published, however often the broker goes away."""
        while True:
            try:
                while True:
                    await self._take(await consumer.getmany(timeout_ms=60_000))
            except KafkaError as error:
                logger().warning("rulebook_paused", error=repr(error))
            finally:
                await consumer.stop()
            while True:
                await asyncio.sleep(_AGAIN_SECONDS)
                try:
                    consumer, _ = await self._opened()
                    break
                except Unavailable:
                    continue

    async def _take(self, batch: dict[TopicPartition, list[ConsumerRecord]]) -> None:
        for record in batch.get(self._place, ()):
            if record.offset >= self._next:
                self._next = record.offset + 1
                self._add(record)
        async with self._news:
            self._news.notify_all()

    def _add(self, record: ConsumerRecord) -> None:
        if record.value is None:
            return
        try:
            publication = read(record.value, record.offset, record.timestamp)
        except Exception as error:  # a process that ended here would end again at every start
            slug, sentence = (
                (error.slug, error.sentence) if isinstance(error, AscuaError) else ("failed", repr(error))
            )
            place = f"{self._place.topic}/0/{record.offset}"
            self._unreadable = (
                f"what was published at {place} cannot be read ({sentence}): the rules before it stay in "
                "force; publish rules that can be read with `ascua rules publish`"
            )
            logger().error("rules_unreadable", place=place, reason=slug)
            return
        self._unreadable = None
        insort(self._publications, publication)
        if self._is_read:
            logger().info("rules_published", rules=publication.version, effective_ms=publication.effective_ms)
            self.on_change(publication)


def read(raw: bytes, offset: int, appended_ms: int) -> Publication:
    """A publication from its record. Raises `AscuaError` when it is none, or its rules are not what it says."""
    recorded = decode(raw)
    event = recorded.event
    if not isinstance(event, RulesPublished):
        raise Refused("not-rules", "it is an event of another kind")
    rules = parse_rules(event.text, f"rules {event.rules}")
    if rules.version != event.rules:
        raise Refused("rules-differ", f"its text are the rules {rules.version}, not {event.rules}")
    # The past never changes: nothing is in force before it stood in the log.
    effective = max(milliseconds(event.effective_at), appended_ms)
    return Publication(effective, offset, rules, event.text, appended_ms)


async def publish(
    rulebook: RulesLog,
    publisher: Publisher,
    text: str,
    source: str,
    effective_at: datetime | None,
    now: datetime,
) -> Publication:
    """Publish rules, in force from `effective_at` on, or at once; return the publication as everybody reads it.

    Of two that publish at once for the same instant, the one whose record stands later in the topic is in force.
    Raises `RulesError`; `Refused` for an instant that has passed; `Conflict` when these rules are in force then anyway.
    """
    rules = parse_rules(text, source)
    if effective_at is not None and effective_at < now:
        raise Refused(
            "in-the-past", f"{effective_at:%Y-%m-%d %H:%M:%S %Z} has passed, and the past stays as it was"
        )
    effective = effective_at or now
    if rulebook.at(milliseconds(effective)) == rules:
        raise Conflict("rules-in-force", f"the rules {rules.version} are in force then already")
    id = new_id()
    event = RulesPublished(lead_id=id, at=now, rules=rules.version, effective_at=effective, text=text)
    recorded = Recorded(id, event, now, 1, event.aggregate, current_trace())
    _, offset = await publisher.publish(Outgoing(RULES.name, id, encode(recorded)))
    await rulebook.reached(offset)
    return next(each for each in rulebook.versions() if each.offset == offset)
