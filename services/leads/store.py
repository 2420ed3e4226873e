"""Where leads are kept."""

from __future__ import annotations

from dataclasses import replace

from services.leads.domain.lead import Lead
from shared.answers import Answers
from shared.archive import Archive
from shared.documents import Documents
from shared.mongo import Mongo
from shared.outbox import OUTBOX_INDEX

Leads = Documents[Lead]


def leads(mongo: Mongo) -> Leads:
    return Documents(
        mongo.collection("leads", (OUTBOX_INDEX,)),
        Lead,
        archive=Archive(mongo, "leads"),
        answers=Answers(mongo, "leads", Lead, _with_person),
    )


def _with_person(kept: Lead, now: Lead | None) -> Lead:
    """A lead as it was, with what is held of its person now: that is held once, so that it can be forgotten."""
    if now is None:
        return replace(kept, profile=None, person={}, consent=None)
    return replace(kept, profile=now.profile, person=now.person, consent=now.consent)
