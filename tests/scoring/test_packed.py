"""Packed leads keep their ids, whatever these look like, and take little more than their records."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.processor.lead import NEVER, ScoredLead
from services.scoring.processor.packed import PackedLeads, id_of, key_of

RECORD = ScoredLead.new("ana").encode()


@given(st.uuids().map(str) | st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True))
def test_every_id_comes_back_from_its_key(lead_id: str) -> None:
    assert id_of(key_of(lead_id)) == lead_id


@pytest.mark.parametrize(
    "lead_id",
    ["0" * 36, "6BA7B810-9DAD-11D1-80B4-00C04FD430C8", "6ba7b8109dad11d180b400c04fd430c8", "7"],
)
def test_only_a_uuid_as_it_is_written_becomes_a_number(lead_id: str) -> None:
    assert key_of(lead_id) == lead_id
    assert key_of(str(UUID(int=7))) == 7


def test_a_lead_is_taken_with_its_second_and_is_gone() -> None:
    packed = PackedLeads()
    packed.put(key_of("ana"), RECORD, 12)

    assert (len(packed), list(packed), packed.timer("ana")) == (1, ["ana"], (NEVER, 12))
    packed.set_timer("ana", 9)
    assert packed.pop("ana") == (RECORD, 9)
    assert (len(packed), packed.pop("ana"), packed.timer("ana")) == (0, None, None)
