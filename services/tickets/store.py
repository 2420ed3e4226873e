"""Where tickets are kept: one document each."""

from __future__ import annotations

from services.tickets.domain import Ticket
from shared.documents import Documents
from shared.mongo import Index, Mongo
from shared.outbox import OUTBOX_INDEX

Tickets = Documents[Ticket]

BY_LEAD = Index((("state.lead_id", 1), ("state.opened_at", -1)))


def tickets(mongo: Mongo) -> Tickets:
    return Documents(mongo.collection("tickets", (OUTBOX_INDEX, BY_LEAD)), Ticket)
