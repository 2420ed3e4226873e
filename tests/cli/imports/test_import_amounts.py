"""An amount is read in the one way that fits, or refused with both."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.imports.amounts import Sign, amount, told_sign

numbers = st.decimals(-(10**9), 10**9, allow_nan=False, places=2) | st.integers(-(10**12), 10**12).map(
    Decimal
)


def written(number: Decimal, decimal: Sign, thousands: str, mark: str) -> str:
    """As a program of that country writes it; an oracle that knows nothing of how it is read."""
    whole, _, part = f"{number:,f}".partition(".")
    return mark.format(whole.replace(",", thousands) + (decimal + part if part else ""))


@settings(derandomize=True, deadline=None)
@given(
    numbers,
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'"), (",", "\N{NO-BREAK SPACE}"), (".", "")]),
    st.sampled_from(["{}", "{} €", "€{}", "EUR {}", " {} "]),
)
def test_with_the_decimal_sign_said_every_amount_comes_back(
    number: Decimal, signs: tuple[Sign, str], mark: str
) -> None:
    decimal, thousands = signs

    assert amount(written(number, decimal, thousands, mark), decimal, "EUR") == number


@settings(derandomize=True, deadline=None)
@given(numbers, st.sampled_from([(".", ","), (",", "."), (",", ""), (".", "")]))
def test_with_no_sign_said_it_is_the_right_one_or_both_are_named(
    number: Decimal, signs: tuple[Sign, str]
) -> None:
    text = written(number, *signs, "{}")
    try:
        found = amount(text, None)
    except ValueError as error:
        found = number if "may be" in str(error) and 'decimal: "."' in str(error) else None  # type: ignore[assignment]

    assert found == number


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("23.400", "may be 23.4 or 23400"),
        ("3,000", "may be 3000 or 3"),
        ("-7.125", "may be -7.125 or -7125"),
        ("2e5", "is not an amount"),
        ("1.2.3", "is not an amount"),
        ("12,34,56", "is not an amount"),
        ("\u0667\u0660\u0660", "is not an amount"),
        ("about 5", "is not an amount"),
        ("$ 12.50", "is in $, and the mapping says currency: EUR"),
        ("12.50 GBP", "is in GBP, and the mapping says currency: EUR"),
    ],
)
def test_what_is_no_amount_or_two_of_them_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        amount(text, None, "EUR")

    assert says in str(error.value)


def test_the_wrong_sign_is_told_with_what_it_would_be() -> None:
    with pytest.raises(
        ValueError, match=r"not an amount with the decimal sign '\.'; with ',' it would be 1234\.5"
    ):
        amount("1.234,50", ".")


@pytest.mark.parametrize(
    ("amounts", "signs"),
    [
        (["870,00", "2.345"], {","}),
        (["870.00", "2.345"], {"."}),
        (["870,00", "0.5"], {",", "."}),
        (["2.345", "12", "much"], set()),
    ],
)
def test_amounts_that_read_in_one_way_show_the_sign_of_their_file(
    amounts: list[str], signs: set[str]
) -> None:
    assert told_sign(amounts) == signs
