"""Where leads are kept."""

from __future__ import annotations

from services.leads.domain.lead import Lead
from shared.archive import Archive
from shared.documents import Documents
from shared.mongo import Mongo
from shared.outbox import OUTBOX_INDEX

Leads = Documents[Lead]


def leads(mongo: Mongo) -> Leads:
    return Documents(mongo.collection("leads", (OUTBOX_INDEX,)), Lead, archive=Archive(mongo, "leads"))
