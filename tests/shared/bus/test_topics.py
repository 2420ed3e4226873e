"""Topics are as declared, or the difference is named."""

from __future__ import annotations

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.bus.brokers import Brokers
from shared.bus.cluster import Cluster, admin
from shared.bus.topics import ALL, Topics
from shared.errors import Refused, Unavailable
from tests.names import drawn
from tests.servers import Addresses
from tests.waiting import until


@pytest.fixture
def fresh(servers: Addresses) -> Topics:
    return Topics(servers.kafka, drawn())


async def test_topics_are_made_once(fresh: Topics) -> None:
    assert await Cluster(fresh).apply(partitions=2) == [fresh.name(topic.name) for topic in ALL]
    assert await Cluster(fresh).apply() == []
    await Cluster(fresh).check()
    ids = await Cluster(fresh).ids()
    assert len(set(ids.values())) == len(ALL)


async def test_topics_that_are_missing_are_named_with_what_to_do(fresh: Topics) -> None:
    with pytest.raises(
        Refused, match=f"{fresh.name('leads')}, .*create them with `ascua topics apply`"
    ) as error:
        await Cluster(fresh).check()
    assert error.value.slug == "topics-missing"


async def test_every_difference_between_declaration_and_broker_is_named(fresh: Topics) -> None:
    async with admin(fresh.brokers) as client:
        await client.create_topics(
            [
                NewTopic(fresh.name("tickets"), 7, 1, topic_configs={"retention.ms": "1000"}),
                NewTopic(fresh.name("leads"), 4, 1, topic_configs={"retention.ms": "-1"}),
                NewTopic(fresh.name("heat"), 4, 1),
            ]
        )
    with pytest.raises(Refused) as error:
        await Cluster(fresh).apply()
    assert error.value.slug == "topics-differ"
    for difference in (
        f"{fresh.name('tickets')} has 7 partitions, not 4",
        f"{fresh.name('tickets')} has retention.ms=1000, not -1",
        f"{fresh.name('heat')} has cleanup.policy=delete, not compact",
    ):
        assert difference in error.value.sentence
    assert error.value.sentence.count(" has ") == 3


async def test_a_retention_changed_later_is_noticed(fresh: Topics) -> None:
    await Cluster(fresh).apply(partitions=1)
    async with admin(fresh.brokers) as client:
        await client.alter_configs(
            [
                ConfigResource(
                    ConfigResourceType.TOPIC,
                    fresh.name("signals"),
                    {"cleanup.policy": "delete", "retention.ms": "60000"},
                )
            ]
        )
    complaints: list[str] = []

    async def is_noticed() -> bool:  # the broker takes the change over a moment later
        try:
            await Cluster(fresh).check()
        except Refused as error:
            complaints.append(error.sentence)
        return bool(complaints)

    await until(is_noticed)
    assert complaints[0].endswith("signals has retention.ms=60000, not -1")


async def test_a_broker_that_is_away_is_told_as_unavailable() -> None:
    with pytest.raises(Unavailable):
        await Cluster(Topics(Brokers("127.0.0.1:9"))).check()
