"""Phone numbers and e-mail addresses as people write them, and as they are kept. Asks no network."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat

from shared.text import line

REGIONS: Final = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""Countries (ISO 3166, two letters) whose numbers are known."""

LONGEST_ADDRESS: Final = 254
_WRITTEN: Final = re.compile(r"\+?[0-9 ()./-]{5,30}")
_SEVERAL: Final = re.compile(r"[/;,|]")
_OLD_MEXICAN_MOBILE: Final = re.compile("1[0-9]{10}")


class Phone(NamedTuple):
    """A number in E.164 (`+34600100200`), or as it was written where it is none of its country's."""

    number: str
    extension: str | None = None
    is_known: bool = True


def phone(text: str, region: str) -> Phone | None:
    """A number as somebody in `region` writes it, the first of several; None if it is none."""
    text = line(text)
    first, *others = _SEVERAL.split(text, 1)
    if others and (found := phone(first, region)) is not None and found.is_known:
        return found
    try:
        number = _current(phonenumbers.parse(text, region))
    except NumberParseException:
        return None
    if phonenumbers.is_possible_number(number):
        return Phone(phonenumbers.format_number(number, PhoneNumberFormat.E164), number.extension)
    return Phone(text, is_known=False) if _WRITTEN.fullmatch(text) else None


def _current(number: PhoneNumber) -> PhoneNumber:
    """Chat programs go on writing the 1 of Mexican mobiles, which was given up in 2019."""
    national = str(number.national_number)
    if number.country_code == 52 and _OLD_MEXICAN_MOBILE.fullmatch(national):
        number.national_number = int(national[1:])
    return number


def email(text: str) -> str | None:
    """An address with its domain in lower case, out of `Pat <pat@Example.com>` too; None if it is none."""
    text = re.sub(r"^mailto:", "", line(text), flags=re.IGNORECASE).strip(" .,;\"'")
    if len(text) > 4 * LONGEST_ADDRESS:
        return None
    try:
        # `.test` is nobody's domain, and so what people try things out with.
        found = validate_email(
            text, check_deliverability=False, allow_display_name=True, test_environment=True
        ).normalized
    except EmailNotValidError:
        return None
    return found if len(found) <= LONGEST_ADDRESS else None


def region_of(zone: str) -> str | None:
    """The country a time zone lies in, by the tz database's zone.tab."""
    return _regions().get(zone)


@cache
def _regions() -> dict[str, str]:
    rows = (files("tzdata") / "zoneinfo" / "zone.tab").read_text().splitlines()
    fields = (row.split("\t") for row in rows if row and not row.startswith("#"))
    return {zone: region for region, _, zone, *_ in fields if region in REGIONS}
