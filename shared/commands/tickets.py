"""What tickets is asked to do."""

from __future__ import annotations

from pydantic import (
    Field,
)

from shared.commands.base import Command
from shared.events.base import LeadId, Slug
from shared.events.tickets import Author, Priority, TicketCategory
from shared.fields import Line, Text, like


class OpenTicket(Command):
    model_config = like(lead_id="ana", category="complaint", priority="high", subject="It does not start")

    lead_id: LeadId
    category: TicketCategory
    priority: Priority = Priority.NORMAL
    subject: Line
    text: Text | None = None


class ReplyTicket(Command):
    model_config = like(author="agent", text="We are on our way.")

    author: Author
    text: Text


class ResolveTicket(Command):
    model_config = like(resolution="solved")

    resolution: Slug = Field("solved", examples=["solved"])
