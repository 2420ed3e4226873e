"""Where consumer groups stand."""

from __future__ import annotations

import stamina
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.structs import OffsetAndMetadata

from shared.errors import Unavailable


async def committed(client: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """The committed positions of a group (its full name); partitions without one are left out.

    aiokafka's own call overlooks the error of the answer as a whole: while the coordinator loads after a broker's
    start, a group looks as if it had never been anywhere. Raises `Unavailable` when that lasts for ten seconds.
    """
    async for attempt in stamina.retry_context(
        on=Unavailable, attempts=None, timeout=10.0, wait_initial=0.05, wait_max=0.5, wait_jitter=0.05
    ):
        with attempt:
            return await _committed(client, group)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _committed(client: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    try:
        coordinator = await client.find_coordinator(group)
        response = await client._send_request(OffsetFetchRequest(group, None), coordinator)
    except KafkaError as error:
        raise Unavailable("group-unreachable", f"the broker does not say where {group} stands") from error
    places = [(topic, *place) for topic, places in response.topics for place in places]
    failed = [code for code in (response.error_code, *(code for *_, code in places)) if code]
    if failed:
        reason = for_code(failed[0]).__name__
        raise Unavailable("group-unreachable", f"the broker does not say where {group} stands: {reason}")
    return {
        TopicPartition(topic, partition): OffsetAndMetadata(offset, metadata)
        for topic, partition, offset, metadata, _ in places
        if offset >= 0
    }
