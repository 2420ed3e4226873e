"""What a fact does to the promised step: said once, for the view and for the figures. Pure."""

from __future__ import annotations

from enum import StrEnum

from shared.events.base import Event
from shared.events.followup import (
    CadenceResumed,
    CadenceStopped,
    FollowUpClosed,
    NextStepDone,
    NextStepScheduled,
    StepDue,
)


class PromiseEffect(StrEnum):
    """After `PROMISED` the step of the fact is the promised one; after the others there is none."""

    PROMISED = "promised"
    KEPT = "kept"
    WITHDRAWN = "withdrawn"


def effect(event: Event) -> PromiseEffect | None:
    """None for a fact that leaves the promised step as it is.

    An automatic step is over as soon as it is due: it is marketing automation's from then on.
    """
    match event:
        case NextStepScheduled():
            return PromiseEffect.PROMISED
        case NextStepDone():
            return PromiseEffect.KEPT
        case FollowUpClosed() | CadenceStopped() | CadenceResumed() | StepDue(automatic=True):
            return PromiseEffect.WITHDRAWN
    return None
