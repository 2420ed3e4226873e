"""The garbage collector has one owner, however many partitions there are."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from services.scoring.runtime.collector import Collector


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
