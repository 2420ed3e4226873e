"""What was understood of a lead's form. Pure; nobody is turned away for a poor optional field."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from shared import contacts, text
from shared.clock import from_number, in_utc
from shared.commands.leads import (
    CaptureLead,
    FieldWarning,
    LeadForm,
    Profile,
    ProfileForm,
)
from shared.events.leads import Money, Stage
from shared.fields import LINE_LENGTH

_TIME: Final[TypeAdapter[AwareDatetime]] = TypeAdapter(AwareDatetime)
_SLUGS: Final = ("origin", "campaign", "segment", "tier")
_LONGEST: Final = 4_000
"""Of what is looked at; nobody's name or campaign is longer."""

USUAL_REGION: Final = "ES"

NOW: Final = "it is no time with its zone, such as 2026-11-21T09:30:00Z; the lead counts from now"


class _Reader:
    """Reads fields one by one, and gathers why some were not kept."""

    def __init__(self) -> None:
        self.warnings: list[FieldWarning] = []

    def warn(self, field: str, why: str) -> None:
        self.warnings.append(FieldWarning(field=field, why=why))

    def words(self, field: str, given: object) -> str | None:
        """Text that shows something; a form's false is as good as nothing."""
        if given is None or given is False:
            return None
        if not isinstance(given, str):
            self.warn(field, "it is no text, and was left out")
            return None
        return text.line(given[:_LONGEST]) if text.shows(given[:_LONGEST]) else None

    def line(self, field: str, given: object) -> str | None:
        words = self.words(field, given)
        if words is not None and len(words) > LINE_LENGTH:
            self.warn(field, f"it is longer than {LINE_LENGTH} characters, and was cut there")
            return text.cut(words, LINE_LENGTH)
        return words

    def slug(self, field: str, given: object) -> str | None:
        words = self.words(field, given)
        if words is None:
            return None
        if "@" in words or words.startswith(("+", "00")):
            self.warn(
                field, "it looks like somebody's address or number, which has no place here; it was left out"
            )
            return None
        return text.slug(words)

    def zone(self, given: object) -> str | None:
        words = self.words("zone", given)
        found = _zones().get(words.casefold().replace(" ", "_")) if words else None
        if words and found is None:
            self.warn("zone", "there is no such time zone; write it as Europe/Madrid. It was left out")
        return found

    def stage(self, given: object) -> Stage:
        words = self.words("stage", given)
        stage = text.slug(words) if words else Stage.NEW.value
        if stage not in set(Stage):
            self.warn("stage", f"it is none of {', '.join(Stage)}; the lead begins as {Stage.NEW}")
            return Stage.NEW
        return Stage(stage)

    def time(self, given: object) -> AwareDatetime | None:
        if given is None or given is False or (isinstance(given, str) and not text.shows(given)):
            return None
        try:
            number = from_number(text.line(given[:100]) if isinstance(given, str) else given)
            return in_utc(_TIME.validate_python(number, strict=not isinstance(number, str)))
        except ValueError:
            self.warn("at", NOW)
            return None

    def money(self, field: str, given: object) -> Money | None:
        if given is None or given is False or (isinstance(given, str) and not text.shows(given)):
            return None
        try:
            fields: Mapping[str, Any] = given if isinstance(given, dict) else {}
            currency = fields.get("currency")
            tidy = {"currency": text.line(currency).upper()} if isinstance(currency, str) else {}
            return Money.model_validate({**fields, **tidy})
        except ValidationError:
            self.warn(field, 'it is no amount such as {"minor": 1250, "currency": "EUR"}; it was left out')
            return None

    def profile(self, form: ProfileForm, region: str) -> Profile | None:
        name = self.line("profile.name", form.name)
        company = self.line("profile.company", form.company)
        given_email, given_phone = (
            self.words("profile.email", form.email),
            self.words("profile.phone", form.phone),
        )
        email = contacts.email(given_email) if given_email else None
        if given_email and email is None:
            self.warn("profile.email", "it is no e-mail address; it was left out")
        phone = contacts.phone(given_phone, region) if given_phone else None
        if given_phone and phone is None:
            self.warn("profile.phone", "it is no phone number; it was left out")
        elif phone is not None and not phone.is_known:
            self.warn(
                "profile.phone", f"it is no number of {region} or another country; kept as it was written"
            )
        if not (name or email or phone or company):
            return None
        return Profile(
            name=name,
            email=email,
            phone=phone and phone.number,
            company=company,
            extension=phone and phone.extension,
        )


def understand(form: LeadForm, region: str) -> tuple[CaptureLead, list[FieldWarning]]:
    """The lead as it is kept, and what was not kept as it was sent.

    `region` (ISO 3166, two letters) is where phone numbers without a country are from, unless the lead's zone says.
    """
    reader = _Reader()
    zone = reader.zone(form.zone)
    at = (contacts.region_of(zone) if zone else None) or region
    return CaptureLead(
        at=reader.time(form.at),
        lead_id=form.lead_id,
        profile=reader.profile(form.profile, at) if form.profile else None,
        channel=form.channel,
        stage=reader.stage(form.stage),
        acquisition_cost=reader.money("acquisition_cost", form.acquisition_cost),
        zone=zone,
        **{field: reader.slug(field, getattr(form, field)) for field in _SLUGS},
    ), reader.warnings


@cache
def _zones() -> dict[str, str]:
    return {zone.casefold(): zone for zone in available_timezones()}
