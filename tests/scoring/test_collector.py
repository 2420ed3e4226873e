"""The garbage collector has one owner, however many partitions there are."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from services.scoring.runtime.collector import Collector
from services.scoring.runtime.transport import Unpacked


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    gc.enable()


def test_it_rests_as_long_as_any_partition_catches_up() -> None:
    collector = Collector()
    collector.works(0, is_behind=True)
    collector.works(1, is_behind=True)
    collector.works(0, is_behind=False)
    assert not gc.isenabled(), "one partition that keeps up does not speak for the other"

    collector.works(1, is_behind=False)
    assert gc.isenabled()


def test_a_partition_that_goes_leaves_it_as_the_others_want_it() -> None:
    collector = Collector()
    collector.works(0, is_behind=True)
    collector.works(1, is_behind=True)
    collector.gone(0)
    assert not gc.isenabled()

    collector.gone(1)
    assert gc.isenabled()


def test_what_was_fetched_goes_with_its_records_while_no_garbage_is_looked_for() -> None:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0,
        batch_size=10_000,
    )  # fmt: skip
    builder.append(0, timestamp=1, key=b"ana", value=b"{}", headers=[])
    fetched = PartitionRecords(
        TopicPartition("facts", 0),
        MemoryRecords(bytes(builder.build())),
        [],
        0,
        None,
        None,
        True,
        READ_COMMITTED,
    )
    remains = weakref.ref(fetched)
    gc.disable()

    records = list(Unpacked(fetched))
    del fetched

    assert [record.value for record in records] == [b"{}"]
    assert remains() is None
