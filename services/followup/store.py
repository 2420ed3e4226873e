"""Where follow-ups are kept: one document per lead."""

from __future__ import annotations

from services.followup.domain import FollowUp
from shared.documents import Documents
from shared.mongo import Mongo
from shared.outbox import OUTBOX_INDEX

FollowUps = Documents[FollowUp]


def followups(mongo: Mongo) -> FollowUps:
    return Documents(mongo.collection("followups", (OUTBOX_INDEX,)), FollowUp)
