"""Nobody is turned away for a poor optional field: what can be understood is, the rest is left out and named."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.leads.domain.forms import understand
from shared.applied_once import (
    idempotency,
)
from shared.commands.leads import (
    CaptureLead,
    LeadForm,
    Profile,
)
from shared.events.leads import Channel, Money, Stage

PAT = Profile(name="Pat")
NOVEMBER = datetime(2025, 11, 28, 16, tzinfo=UTC)


def read(**fields: Any) -> tuple[dict[str, Any], list[str]]:
    """What was kept beside the channel, and the fields that were named."""
    kept, warnings = understand(LeadForm.model_validate({"channel": "web", **fields}), "ES")
    plain = CaptureLead(channel=Channel.WEB)
    changed = {name: value for name, value in kept if value != getattr(plain, name)}
    return changed, [warning.field for warning in warnings]


@pytest.mark.parametrize(
    ("profile", "kept"),
    [
        (
            {"name": "Pat", "email": "pat@example.com", "phone": ""},
            Profile(name="Pat", email="pat@example.com"),
        ),
        ({"name": "Pat", "email": "", "phone": "+34600100200"}, Profile(name="Pat", phone="+34600100200")),
        ({"name": "Pat", "company": ""}, PAT),
        ({"email": "pat@example.com"}, Profile(email="pat@example.com")),
        ({"name": "", "phone": "+34600100200"}, Profile(phone="+34600100200")),
        ({"name": "Pat", "phone": 600100200}, Profile(name="Pat", phone="+34600100200")),
        (
            {"name": "Pat", "phone": "600 100 200 ext 12"},
            Profile(name="Pat", phone="+34600100200", extension="12"),
        ),
        ({"name": "Pat", "email": " pat@example.com "}, Profile(name="Pat", email="pat@example.com")),
        ({"name": "Pat", "phone": False}, PAT),
        ({"name": "Pat\ud800"}, PAT),
        ({"name": "\u200b"}, None),
        ({}, None),
        ("", None),
    ],
)
def test_a_poor_profile_is_kept_as_far_as_it_goes(profile: Any, kept: Profile | None) -> None:
    assert read(profile=profile) == ({"profile": kept} if kept else {}, [])


@pytest.mark.parametrize(
    ("fields", "kept", "named"),
    [
        ({"profile": {"name": "Pat", "email": "pat@@example.com"}}, {"profile": PAT}, ["profile.email"]),
        ({"profile": {"name": "Pat", "phone": "n/a"}}, {"profile": PAT}, ["profile.phone"]),
        ({"profile": {"name": "P" * 201}}, {"profile": Profile(name="P" * 200)}, ["profile.name"]),
        ({"campaign": "Otoño 2026 | ES"}, {"campaign": "otono_2026_es"}, []),
        ({"campaign": 23850000000000123}, {"campaign": "n_23850000000000123"}, []),
        ({"campaign": "pat@example.com"}, {}, ["campaign"]),
        ({"at": 1764345600}, {"at": NOVEMBER}, []),
        ({"at": 1764345600000}, {"at": NOVEMBER}, []),
        ({"at": "1764345600"}, {"at": NOVEMBER}, []),
        ({"at": "2025-11-28T17:00:00+01:00"}, {"at": NOVEMBER}, []),
        ({"at": 20261128}, {}, ["at"]),
        ({"at": "20261128"}, {}, ["at"]),
        ({"at": 0}, {}, ["at"]),
        ({"at": True}, {}, ["at"]),
        ({"at": "2025-11-28"}, {}, ["at"]),
        ({"at": "yesterday"}, {}, ["at"]),
        ({"at": ""}, {}, []),
        ({"at": "9999-12-31T23:59:59-12:00"}, {}, ["at"]),
        ({"zone": "europe/madrid"}, {"zone": "Europe/Madrid"}, []),
        ({"zone": "Madrid"}, {}, ["zone"]),
        ({"stage": "Qualified"}, {"stage": Stage.QUALIFIED}, []),
        ({"stage": "mql"}, {}, ["stage"]),
        (
            {"acquisition_cost": {"minor": 5, "currency": "eur"}},
            {"acquisition_cost": Money(minor=5, currency="EUR")},
            [],
        ),
        ({"acquisition_cost": {"minor": -5}}, {}, ["acquisition_cost"]),
        ({"acquisition_cost": "12,50 €"}, {}, ["acquisition_cost"]),
    ],
)
def test_what_cannot_be_kept_is_named(fields: dict[str, Any], kept: dict[str, Any], named: list[str]) -> None:
    assert read(**fields) == (kept, named)


def test_a_number_is_read_where_the_lead_is() -> None:
    kept, _ = read(zone="America/Mexico_City", profile={"phone": "55 1234 5678"})
    assert kept["profile"] == Profile(phone="+525512345678")


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
PROFILES = st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "email", "phone", "company"), SCALARS))
FIELDS = ("at", "stage", "origin", "campaign", "acquisition_cost", "segment", "tier", "zone")


@given(PROFILES, st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, SCALARS)))
def test_nothing_that_is_optional_turns_anybody_away(profile: dict[str, Any], fields: dict[str, Any]) -> None:
    kept, warnings = understand(
        LeadForm.model_validate({"channel": "web", "profile": profile, **fields}), "ES"
    )
    assert {each.field.removeprefix("profile.") for each in warnings} <= {*profile, *fields}
    assert CaptureLead.model_validate(kept.model_dump()) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        {"channel": "carrier pigeon"},
        {"chanel": "web"},
        {"lead_id": "ana@example.com"},
        {"profile": {"fax": 1}},
    ],
)
def test_what_makes_a_lead_senseless_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LeadForm.model_validate({"channel": "web", **wrong})


def test_a_form_that_was_sent_before_the_door_grew_mild_is_still_the_same_command() -> None:
    form = LeadForm.model_validate(
        {
            "lead_id": "ana", "channel": "web", "at": "2026-11-21T09:30:00Z", "campaign": "autumn",
            "zone": "Europe/Madrid", "acquisition_cost": {"minor": 5, "currency": "EUR"},
            "profile": {"name": "Ana", "email": "a@b.es", "phone": "+34 600 000 000"},
        }
    )  # fmt: skip
    key = idempotency("k", form)
    assert key is not None
    assert key.fingerprint == "d49d0422f3b2d183f4941478e3402aae"
