"""Many activities at once, each with an outcome of its own."""

from __future__ import annotations

from services.gateway.clients import Upstreams
from shared.commands.followup import ActivityOutcome, ActivityOutcomes, LogActivities


async def log_many(upstreams: Upstreams, command: LogActivities, key: str | None) -> ActivityOutcomes:
    """Log activities of the leads that exist; the others are refused one by one."""
    unknown = await upstreams.unknown([each.lead_id for each in command.activities])
    # What has no key of its own has its place among all, so that it is the same when sent again.
    known = [
        each if each.key or key is None else each.model_copy(update={"key": f"{key}.{place}"})
        for place, each in enumerate(command.activities)
        if each.lead_id not in unknown
    ]
    taken: list[ActivityOutcome] = []
    if known:
        asked = LogActivities(activities=known)
        taken = ActivityOutcomes.model_validate(
            await upstreams.call("followup", "POST", "/activities", asked)
        ).outcomes
    outcomes = iter(taken)
    return ActivityOutcomes(
        outcomes=[
            ActivityOutcome(
                lead_id=each.lead_id,
                outcome="refused",
                error="lead-not-found",
                reason=f"there is no lead {each.lead_id}; capture it first with POST /v1/leads",
            )
            if each.lead_id in unknown
            else next(outcomes)
            for each in command.activities
        ]
    )
