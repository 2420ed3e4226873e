"""Many activities at once, each with an outcome of its own."""

from __future__ import annotations

from services.gateway.clients import Upstreams
from shared.commands.followup import ActivityOutcome, ActivityOutcomes, LeadActivity, LogActivities
from shared.errors import AscuaError, NotFound


async def log_many(upstreams: Upstreams, command: LogActivities, key: str | None) -> ActivityOutcomes:
    """Log activities of the leads that exist, by the right of whoever sends them; the others are refused one by one."""
    unknown = await upstreams.unknown([each.lead_id for each in command.activities])
    outcomes: list[ActivityOutcome | None] = []
    asked: list[LeadActivity] = []
    for place, each in enumerate(command.activities):
        try:
            if each.lead_id in unknown:
                raise NotFound(
                    "lead-not-found",
                    f"there is no lead {each.lead_id}; capture it first with POST /v1/leads",
                )
            own = upstreams.as_holder(each)
        except AscuaError as error:
            outcomes.append(
                ActivityOutcome(
                    lead_id=each.lead_id, outcome="refused", error=error.slug, reason=error.sentence
                )
            )
            continue
        # What has no key of its own has its place among all, so that it is the same when sent again.
        asked.append(own if own.key or key is None else own.model_copy(update={"key": f"{key}.{place}"}))
        outcomes.append(None)
    taken: list[ActivityOutcome] = []
    if asked:
        answer = await upstreams.call("followup", "POST", "/activities", LogActivities(activities=asked))
        taken = ActivityOutcomes.model_validate(answer).outcomes
    logged = iter(taken)
    return ActivityOutcomes(outcomes=[each or next(logged) for each in outcomes])
