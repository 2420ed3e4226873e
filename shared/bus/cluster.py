"""The broker's side of the topics: made and checked as they are declared, and what an admin client asks of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import stamina
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from shared.bus.brokers import Brokers
from shared.bus.topics import ALL, FACTS, PARTITIONS, Topics
from shared.errors import Refused, Unavailable


class Cluster:
    """The topics of one installation on its broker, as a part of a process."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics

    async def start(self) -> None:
        """Refuse to work on topics that are not as declared."""
        await self.check()

    async def stop(self) -> None:
        """Nothing to let go of."""

    def status(self) -> dict[str, str]:
        return {"prefix": self._topics.prefix}

    async def apply(self, partitions: int = PARTITIONS, replication: int = 1) -> list[str]:
        """Create the topics that are missing and return their names.

        Raises `Refused("topics-differ")` when one exists otherwise than declared. The number of partitions is
        chosen once: the sequence of a lead's facts hangs on it.
        """
        async with admin(self._topics.brokers) as client:
            existing = await self.partitions(client)
            keyed = {
                existing[self._topics.name(t.name)]
                for t in ALL
                if t.keyed_by_lead and self._topics.name(t.name) in existing
            }
            if len(keyed) == 1:
                partitions = keyed.pop()
            missing = [topic for topic in ALL if self._topics.name(topic.name) not in existing]
            response = await client.create_topics(
                [
                    NewTopic(
                        name=self._topics.name(topic.name),
                        num_partitions=partitions if topic.keyed_by_lead else 1,
                        replication_factor=replication,
                        topic_configs=topic.configs,
                    )
                    for topic in missing
                ]
            )
            for name, code, *_ in response.topic_errors:
                if code not in (0, 36):  # 36: somebody else created it meanwhile
                    raise Refused(
                        "topic-not-created", f"the broker did not create {name}: {for_code(code).description}"
                    )
        # What was created is not seen at once: the broker follows its own metadata log.
        async for attempt in stamina.retry_context(
            on=_are_missing, attempts=None, timeout=10.0, wait_initial=0.05, wait_max=0.5, wait_jitter=0.05
        ):
            with attempt:
                await self.check()
        return [self._topics.name(topic.name) for topic in missing]

    async def check(self) -> None:
        """Compare the broker's topics with the declaration.

        Raises `Refused` (`topics-missing`, `topics-differ`) with a sentence that names every difference.
        """
        async with admin(self._topics.brokers) as client:
            existing = await self.partitions(client)
            missing = [
                self._topics.name(topic.name)
                for topic in ALL
                if self._topics.name(topic.name) not in existing
            ]
            if missing:
                raise Refused(
                    "topics-missing",
                    f"the broker has no {', '.join(missing)}; create them with `ascua topics apply`",
                )
            wanted = existing[self._topics.name(FACTS[0].name)]
            configs = await self._configs(client)
        wrong = []
        for topic in ALL:
            name, count = self._topics.name(topic.name), wanted if topic.keyed_by_lead else 1
            if existing[name] != count:
                wrong.append(f"{name} has {existing[name]} partitions, not {count}")
            wrong += [
                f"{name} has {key}={configs[name].get(key)}, not {value}"
                for key, value in topic.configs.items()
                if configs[name].get(key) != value
            ]
        if wrong:
            raise Refused("topics-differ", f"topics are not as declared: {'; '.join(wrong)}")

    async def partitions(self, client: AIOKafkaAdminClient) -> dict[str, int]:
        """How many each topic has, by its full name."""
        return {
            topic["topic"]: len(topic["partitions"])
            for topic in await client.describe_topics()
            if topic["topic"].startswith(f"{self._topics.prefix}.")
        }

    async def _configs(self, client: AIOKafkaAdminClient) -> dict[str, dict[str, str]]:
        asked = [ConfigResource(ConfigResourceType.TOPIC, self._topics.name(topic.name)) for topic in ALL]
        return {
            resource[3]: {entry[0]: entry[1] for entry in resource[4]}
            for response in await client.describe_configs(asked)
            for resource in response.resources
        }

    async def ids(self) -> dict[str, str]:
        """Each topic's id on the broker: a topic deleted and made anew has another one (KIP-516)."""
        async with admin(self._topics.brokers) as client:
            response = await client._send_request(_TopicIds())
        return {
            name: topic_id.hex()
            for _, name, topic_id, *_ in response.topics
            if name.startswith(f"{self._topics.prefix}.")
        }


def _are_missing(error: Exception) -> bool:
    return isinstance(error, Refused) and error.slug == "topics-missing"


@asynccontextmanager
async def admin(brokers: Brokers) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for the length of a block; raises `Unavailable` when no broker answers."""
    client = AIOKafkaAdminClient(**brokers.client, request_timeout_ms=10_000)
    try:
        try:
            await client.start()
        except KafkaError as error:
            raise brokers.unreachable() from error
        try:
            yield client
        except (KafkaError, TimeoutError, OSError) as error:
            raise Unavailable(
                "kafka-unreachable",
                f"the Kafka broker at {brokers.bootstrap} did not do what it was asked; try again",
            ) from error
    finally:
        await client.close()


class _Uuid(AbstractType[bytes]):
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: Any) -> bytes:
        return bytes(data.read(16))


class _TopicIdsResponse(Response):
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _TopicIdsRequest(RequestStruct):
    """Metadata version 10: the first that tells topic ids; aiokafka itself stops at 5."""

    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _TopicIdsResponse
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _TopicIds(Request[_TopicIdsRequest]):
    API_KEY: ClassVar[int] = 3

    def build(self, request_struct_class: type[_TopicIdsRequest]) -> _TopicIdsRequest:
        return request_struct_class(None, False, False, False, {})
