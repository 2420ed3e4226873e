"""Phone numbers and addresses as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contacts import Phone, email, phone, region_of


@pytest.mark.parametrize(
    ("given", "region", "kept"),
    [
        ("600 100 200", "ES", Phone("+34600100200")),
        ("0034 600.100.200", "ES", Phone("+34600100200")),
        ("600 100 200 ext 12", "ES", Phone("+34600100200", "12")),
        ("p:+34600100200", "MX", Phone("+34600100200")),
        ("tel:+34-600-100-200", "US", Phone("+34600100200")),
        ("600100200 / 611222333", "ES", Phone("+34600100200")),
        ("(415) 555-0132", "US", Phone("+14155550132")),
        ("+5215512345678", "ES", Phone("+525512345678")),
        ("+525512345678", "ES", Phone("+525512345678")),
        ("600100200", "US", Phone("600100200", is_known=False)),
        ("n/a", "ES", None),
        ("call me at home", "ES", None),
        ("1" * 5_000, "ES", None),
    ],
)
def test_a_number_is_kept_in_one_form(given: str, region: str, kept: Phone | None) -> None:
    assert phone(given, region) == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" pat@example.com ", "pat@example.com"),
        ("Pat@Example.COM", "Pat@example.com"),
        ("Pat <pat@example.com>", "pat@example.com"),
        ("mailto:pat@example.com", "pat@example.com"),
        ("pat@example.com.", "pat@example.com"),
        ("pat\u200b@example.com", "pat@example.com"),
        ("lucía@exämple.com", "lucía@exämple.com"),
        ("pat@@example.com", None),
        ("pat@example", None),
        ("pat", None),
        ("x" * 5_000 + "@example.com", None),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str | None) -> None:
    assert email(given) == kept


@given(st.text(), st.sampled_from(["ES", "MX", "US"]))
def test_whatever_is_written_is_read_or_left(text: str, region: str) -> None:
    if (found := phone(text, region)) is not None:
        assert phone(found.number, region) == found._replace(extension=None)
    if (address := email(text)) is not None:
        assert email(address) == address


def test_a_time_zone_lies_in_a_country() -> None:
    assert region_of("America/Mexico_City") == "MX"
    assert region_of("UTC") is None
