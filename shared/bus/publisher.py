"""Records on their way to the log: acknowledged by all replicas, in order per key, none twice by the client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import metrics
from shared.bus.outgoing import MAX_RECORD_BYTES, Outgoing
from shared.bus.topics import Topics
from shared.errors import Refused, Unavailable
from shared.tasks import Pace


class Publisher:
    """An idempotent producer with acks=all and a bounded number of records under way.

    At most `capacity` records wait for an acknowledgement; further callers wait for a place, and `Unavailable` is
    raised to those who do not get one, or no acknowledgement, within `patience` seconds. A record that was given up
    on may still arrive: whoever sends it again sends the same id or sequence.
    """

    def __init__(self, topics: Topics, capacity: int = 20_000, patience: float = 10.0) -> None:
        self._topics = topics
        self._capacity = capacity
        self._patience = patience
        self._places = asyncio.Semaphore(capacity)
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        producer = AIOKafkaProducer(
            **self._topics.brokers.client,
            enable_idempotence=True,
            acks="all",
            linger_ms=2,
            max_batch_size=256 * 1024,
            request_timeout_ms=10_000,
            metadata_max_age_ms=30_000,
        )
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise self._topics.brokers.unreachable() from error
        self._producer = producer

    async def stop(self) -> None:
        """Send what waits, for at most five seconds, then close."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                await asyncio.wait_for(producer.stop(), 5)
            except (KafkaError, TimeoutError):
                producer._sender.sender_task.cancel()

    async def check(self) -> None:
        await asyncio.wait_for(self._live().client.fetch_all_metadata(), 2)

    def status(self) -> dict[str, int]:
        return {"records_under_way": self._capacity - self._places._value}

    async def publish(self, record: Outgoing) -> tuple[int, int]:
        """Publish one record; return its partition and offset once all replicas have it."""
        (result,) = await self.publish_all([record])
        if isinstance(result, Exception):
            raise result
        return result

    async def publish_all(self, records: Sequence[Outgoing]) -> list[tuple[int, int] | Unavailable | Refused]:
        """Publish records and say of each, in the same order, where it went or why not."""
        deadline = asyncio.get_running_loop().time() + self._patience
        try:
            await self._revive()
        except Unavailable as error:
            return [error] * len(records)
        sent, pace = [], Pace()
        for record in records:
            sent.append(await self._send(record, deadline))
            await pace()
        waiting = [future for future in sent if isinstance(future, asyncio.Future)]
        if waiting:
            await asyncio.wait(waiting, timeout=max(0.0, deadline - asyncio.get_running_loop().time()))
        return [self._result(record, future) for record, future in zip(records, sent, strict=True)]

    async def _send(
        self, record: Outgoing, deadline: float
    ) -> asyncio.Future[object] | Unavailable | Refused:
        if len(record.value) > MAX_RECORD_BYTES:
            return Refused(
                "record-too-large", f"an event may have {MAX_RECORD_BYTES} bytes, not {len(record.value)}"
            )
        try:
            async with asyncio.timeout_at(deadline):
                await self._places.acquire()
                try:
                    future: asyncio.Future[object] = await self._live().send(
                        self._topics.name(record.topic),
                        key=record.key.encode(),
                        value=record.value,
                        headers=list(record.headers),
                    )
                except BaseException:
                    self._places.release()
                    raise
        except Unavailable as error:
            return error
        except (TimeoutError, KafkaError) as error:
            metrics.PUBLISH_FAILURES.labels(record.topic).inc()
            return _unavailable(error)
        future.add_done_callback(lambda _: self._places.release())
        return future

    def _result(
        self, record: Outgoing, future: asyncio.Future[object] | Unavailable | Refused
    ) -> tuple[int, int] | Unavailable | Refused:
        if isinstance(future, Exception):
            return future
        if not future.done():
            # It stays under way in the producer; nobody waits for it any more.
            future.add_done_callback(lambda late: late.cancelled() or late.exception())
            metrics.PUBLISH_FAILURES.labels(record.topic).inc()
            return _unavailable(TimeoutError())
        if (error := future.exception()) is not None:
            metrics.PUBLISH_FAILURES.labels(record.topic).inc()
            return _unavailable(error)
        metrics.PUBLISHED.labels(record.topic).inc()
        metadata = future.result()
        return metadata.partition, metadata.offset  # type: ignore[attr-defined]

    async def _revive(self) -> None:
        """Begin anew with another producer id when the producer died of an error it could not retry."""
        producer = self._producer
        if producer is not None and producer._sender.sender_task.done():
            await self.stop()
            await self.start()

    def _live(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise Unavailable("publisher-stopped", "the service is stopping; send it again")
        return self._producer


def _unavailable(error: BaseException) -> Unavailable:
    kept = Unavailable(
        "kafka-unreachable", "the event log did not acknowledge in time; send it again with the same id"
    )
    kept.__cause__ = error
    return kept
