"""What leads is asked to do. People's details appear here and in leads' documents, and nowhere else."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

from shared.commands.base import Command
from shared.events.base import LeadId, Slug
from shared.events.leads import Channel, ConsentBasis, Money, Qualities, Stage
from shared.fields import Body, Given, KnownZone, Line, Tidy, like, words_tidied


class Profile(BaseModel):
    """Who the lead is. Kept by leads alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Line | None = None
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)] | None = (
        None
    )
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9 ()./-]{5,30}$")] | None = Field(
        None, description="E.164, as in +34600100200; as it was written, where it is none of its country's."
    )
    company: Line | None = None
    extension: str | None = Field(None, description="Behind the phone number.")


class CaptureLead(Command):
    """A lead as it is kept: what was understood of a `LeadForm`."""

    lead_id: LeadId | None = None
    profile: Profile | None = None
    channel: Channel
    stage: Stage = Stage.NEW
    origin: Slug | None = None
    campaign: Slug | None = None
    acquisition_cost: Money | None = None
    segment: Slug | None = None
    tier: Slug | None = None
    zone: KnownZone | None = None


class ProfileForm(Body):
    """Who the lead is, as they or a form wrote it."""

    name: Given | None = Field(None, examples=["Ana Torres"])
    email: Given | None = Field(None, examples=["ana@example.com"])
    phone: Given | None = Field(
        None, description="As it is written where the lead is.", examples=["600 100 200"]
    )
    company: Given | None = None


class LeadForm(Body):
    """Someone left their details with us. Nobody is turned away for a poor optional field: what can be understood is
    kept in its usual form, and what cannot is left out and named in `warnings`.
    """

    guarded_as: ClassVar[str] = (
        "CaptureLead"  # by what was sent: how it is understood may change with the years
    )
    model_config = like(
        profile={"name": "Ana Torres", "email": "ana@example.com"},
        channel="web",
        campaign="autumn",
        acquisition_cost={"minor": 1250, "currency": "EUR"},
    )

    at: bool | int | float | str | None = Field(
        None,
        description="When they did (RFC 3339 with offset, or seconds or milliseconds since 1970); now, if absent.",
        examples=["2026-11-21T09:30:00Z"],
    )
    lead_id: LeadId | None = Field(None, description="The channel's own opaque id; made for you, if absent.")
    profile: ProfileForm | None = None
    channel: Channel
    stage: Given = Field(Stage.NEW.value, description="One of the stages of an open lead.")
    origin: Given | None = Field(None, description="Where the channel had them from.", examples=["google"])
    campaign: Given | None = Field(
        None, description="Kept as a short word: `Otoño 2026 | ES` becomes `otono_2026_es`."
    )
    acquisition_cost: Given | dict[str, JsonValue] | None = Field(
        None,
        description="`minor` units of a `currency`, EUR if absent.",
        examples=[{"minor": 1250, "currency": "EUR"}],
    )
    segment: Given | None = None
    tier: Given | None = Field(None, description="Of the account, such as `key`.")
    zone: Given | None = Field(
        None, description="Where their clock is: an IANA time zone.", examples=["Europe/Madrid"]
    )


class FieldWarning(BaseModel):
    """A field that was not kept as it was sent, and why."""

    field: str = Field(examples=["profile.phone"])
    why: str


class ChangeStage(Command):
    model_config = like(stage="qualified")

    stage: Stage


class OfferLead(Command):
    """An offer was sent to the lead."""

    model_config = like(value={"minor": 950000, "currency": "EUR"})

    value: Money | None = None


class WinLead(Command):
    model_config = like(value={"minor": 900000, "currency": "EUR"})

    value: Money | None = None


class LoseLead(Command):
    model_config = like(reason="no_budget")

    reason: Slug = Field(examples=["no_budget"])


class QualifyLead(Command):
    """What the lead is, in words of your own vocabulary; it replaces what was said before."""

    model_config = like(
        attributes={"segment": "target", "budget": "confirmed", "timeframe": "this_quarter"},
        person={"authority": "decides"},
        consent="legitimate_interest",
    )

    attributes: Annotated[Qualities, BeforeValidator(words_tidied), Tidy()] = Field(
        default_factory=dict,
        description="What concerns the company and the deal: ICP, budget, need, timeframe.",
    )
    person: Annotated[Qualities, BeforeValidator(words_tidied), Tidy()] = Field(
        default_factory=dict, description="What concerns the person. Told only with a basis for it."
    )
    consent: ConsentBasis | None = Field(
        None, description="The basis for what concerns the person; the one given before, if absent."
    )


class WithdrawConsent(Command):
    """The person no longer agrees: what concerns them is forgotten, and told to be gone."""

    model_config = like()


class MergeLeads(Command):
    """Another lead turned out to be the same customer."""

    model_config = like(absorb="ana-2")

    absorb: LeadId = Field(description="The lead that becomes part of this one.")


class SplitLead(Command):
    """A lead that was merged into this one was somebody else after all."""

    model_config = like(member="ana-2")

    member: LeadId
