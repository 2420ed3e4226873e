"""What tickets is asked to do."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
)

from shared.commands.base import Command
from shared.commands.followup import PersonId
from shared.commands.leads import ProfileForm
from shared.events.base import LeadId, Slug
from shared.events.leads import Channel
from shared.events.tickets import Author, Priority, TicketCategory
from shared.fields import Body, Line, Text, like

ORIGIN = "ticket"
"""Where leads come from that a ticket brought: what playbooks may ask for."""

LARGEST_ATTACHMENT = 25 * 1024 * 1024
MOST_ATTACHMENTS = 20
MEDIA_TYPES = (
    "application/pdf",
    "application/zip",
    "audio/mpeg",
    "audio/ogg",
    "image/gif",
    "image/heic",
    "image/jpeg",
    "image/png",
    "image/webp",
    "message/rfc822",
    "text/csv",
    "text/plain",
    "video/mp4",
)
"""What may be attached: nothing that runs."""


class Attachment(Body):
    """Something that lies elsewhere: only where, and what it is, is kept here."""

    model_config = like(
        name="heater.jpg",
        url="https://files.example.com/7f3a",
        media_type="image/jpeg",
        size_bytes=184_223,
    )

    name: Line
    url: Annotated[str, StringConstraints(pattern=r"^https://[!-~]{1,1000}$")]
    media_type: Literal[MEDIA_TYPES]  # type: ignore[valid-type]  # the list is told in errors, too
    size_bytes: Annotated[StrictInt, Field(ge=1, le=LARGEST_ATTACHMENT)]


Attachments = Annotated[tuple[Attachment, ...], Field(max_length=MOST_ATTACHMENTS)]


class OpenTicket(Command):
    model_config = like(lead_id="ana", category="complaint", priority="high", subject="It does not start")

    lead_id: LeadId
    category: TicketCategory
    priority: Priority = Priority.NORMAL
    subject: Line
    text: Text | None = None
    channel: Channel | None = Field(None, description="How it reached us.")
    queue: Slug | None = Field(None, examples=["service"])
    tier: Slug | None = Field(None, description="Of the account, such as `key`.")
    attachments: Attachments = ()


class OpenTicketForm(OpenTicket):
    """A ticket of a lead, or of a `person` who is none yet and is captured with it: one of both is said."""

    lead_id: LeadId | None = None  # type: ignore[assignment]
    person: ProfileForm | None = None


class TicketCommand(Command):
    """Something that an agent does with a ticket."""

    rep: PersonId | None = Field(None, description="The agent who does it; a rep's own key needs not say it.")
    expected_version: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="The `version` that was looked at; refused (409) when somebody was faster."
    )


class ReplyTicket(TicketCommand):
    """What one side writes to the other, or, `internal`, an agent for agents."""

    model_config = like(author="agent", text="We are on our way.", waits_for="customer")

    author: Author
    text: Text
    internal: StrictBool = False
    waits_for: Literal["customer", "third_party", "us"] | None = Field(
        None, description="Whose turn it is after an agent's reply; as before, if absent."
    )
    attachments: Attachments = ()


class AnswerTicket(Command):
    """What the customer writes, as their channel brings it."""

    model_config = like(text="It smokes again.")

    text: Text
    attachments: Attachments = ()


class AssignTicket(TicketCommand):
    model_config = like(to="marta")

    to: PersonId | None = Field(None, description="The agent; nobody, if absent.")


class WaitTicket(TicketCommand):
    model_config = like(waits_for="third_party")

    waits_for: Literal["customer", "third_party", "us"]


class ClassifyTicket(TicketCommand):
    """Says anew what the ticket is; what is absent stays."""

    model_config = like(priority="urgent", queue="service")

    category: TicketCategory | None = None
    priority: Priority | None = None
    queue: Slug | None = None
    tier: Slug | None = None


class EscalateTicket(TicketCommand):
    model_config = like(to="team_lead", because="customer_upset")

    to: PersonId
    because: Slug = Field("by_hand", examples=["customer_upset"])


class ResolveTicket(TicketCommand):
    model_config = like(resolution="solved")

    resolution: Slug = Field("solved", examples=["solved"])


class ReopenTicket(TicketCommand):
    """It was not solved after all."""

    model_config = like()


class CloseTicket(TicketCommand):
    """Puts a resolved ticket away before its time."""

    model_config = like()


class MergeTickets(TicketCommand):
    """Another ticket of the same lead is the same matter, and goes on in this one."""

    model_config = like(absorb="0199c5c3-7b1e-7000-8000-000000000002")

    absorb: LeadId


class SplitTicket(TicketCommand):
    """Part of the ticket is another matter, and becomes a ticket of its own."""

    model_config = like(category="question", subject="Which logs fit?", text="And which logs fit?")

    category: TicketCategory
    priority: Priority = Priority.NORMAL
    subject: Line
    text: Text | None = None


class LinkTicket(TicketCommand):
    model_config = like(problem="smoking-heaters")

    problem: LeadId


class Macro(Body):
    """What is done to tickets again and again, under a name: what it does not say stays as it is."""

    model_config = like(
        name="ask_for_a_photo",
        text="Could you send us a photo of the glass?",
        waits_for="customer",
        priority="normal",
    )

    name: Slug
    text: Text | None = None
    internal: StrictBool = False
    waits_for: Literal["customer", "third_party", "us"] | None = None
    category: TicketCategory | None = None
    priority: Priority | None = None
    queue: Slug | None = None
    tier: Slug | None = None
    to: PersonId | None = None
    resolution: Slug | None = None


class ApplyMacro(TicketCommand):
    """Does what a macro says, all of it or nothing."""

    model_config = like(macro="ask_for_a_photo")

    macro: Slug


class ExpectedChanges(BaseModel):
    """What publishing was said to change."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    changed: StrictInt


class PublishPolicies(Body):
    """Policies as YAML. With `expect`, they are published only if that is still what happens."""

    model_config = like(
        text="calendars: {always: {zone: UTC}}\npolicies: {all: {calendar: always, resolution: 24h}}",
        expect={"changed": 14},
    )

    text: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]
    source: Line = Field("policies", description="What errors call the file.")
    closed_too: StrictBool = Field(
        False, description="Reckon clocks anew that have ended; else they are frozen."
    )
    expect: ExpectedChanges | None = None
