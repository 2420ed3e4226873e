"""The public API, version 1."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from services.gateway import handlers
from services.gateway.access.keys import Holder, KeyRing, Scope
from services.gateway.access.visits import current_visit, holder_of, while_admitted
from services.gateway.boards.heat.standing import Turn
from services.gateway.clients import Backends
from services.gateway.intake.automated import Arrivals
from services.gateway.live import Live, decode_position
from services.gateway.quick_log import Language, Proposal, parse
from services.gateway.store import Imports, Views
from services.gateway.views.view import LeadView
from shared.bus import Publisher, Topics
from shared.bus.lag import lag
from shared.clock import Clock, clamp, in_utc
from shared.commands import (
    ActivityOutcomes,
    AssignLead,
    ChangeStage,
    HistoryRows,
    LeadForm,
    LogActivities,
    LogActivity,
    LoseLead,
    MergeLeads,
    OfferLead,
    OpenTicket,
    PlanStep,
    PublishPlaybooks,
    QualifyLead,
    ReadLine,
    ReplyTicket,
    ResolveTicket,
    RowOutcomes,
    SendSignal,
    SplitLead,
    WinLead,
    WithdrawConsent,
)
from shared.errors import Refused
from shared.events.base import Instant, LeadId, rfc3339
from shared.events.scoring import Band, RulesVersion
from shared.fields import Time
from shared.web import IdempotencyKey, LeadPath

SIGNALS_AT_ONCE = 1_000

TicketPath = Annotated[LeadId, Path()]
RulesPath = Annotated[RulesVersion, Path()]
Card = Annotated[
    Literal["heat", "risk"],
    Query(description="What to rate by: the heat of a lead, or the risk that a customer leaves."),
]
At = Annotated[Time | None, Query(description="The instant to answer for (RFC 3339); now, if absent.")]
Terms = Annotated[int, Query(ge=1, le=500, description="How many terms to list one by one.")]
_SIGNALS: TypeAdapter[list[SendSignal]] = TypeAdapter(
    Annotated[list[SendSignal], Field(min_length=1, max_length=SIGNALS_AT_ONCE)]
)


class SignalsAccepted(BaseModel):
    accepted: int
    ids: list[str]


class BoardLine(BaseModel):
    """A lead on the heat board; `heat` is what it is at the board's instant."""

    heat: float
    turn: Turn = Field(
        description="Why it stands here: its step is late or due, it has none, or its time comes later."
    )
    lead: LeadView


class HeatBoard(BaseModel):
    at: Instant
    band: Band
    items: list[BoardLine]
    next_cursor: str | None = None
    position: str = Field(description="Where `GET /v1/stream?from=` takes over from this board.")


class LeadNow(BaseModel):
    """The 360 view, and heat at the instant of the answer."""

    at: Instant
    heat: float | None
    lead: LeadView
    position: str = Field(description="Where `GET /v1/stream?from=` takes over from this view.")


_BEARER = HTTPBearer(auto_error=False, scheme_name="key", description="A key that `ascua keys create` makes.")


class Admission:
    """A dependency that lets through who has a key for `scope`: as a bearer token, or in the session of a page."""

    def __init__(self, keys: KeyRing, scope: Scope) -> None:
        self._keys = keys
        self._scope = scope

    async def __call__(self, request: Request, _: Annotated[object, Security(_BEARER)] = None) -> Holder:
        admitted: dict[Scope, Holder] = request.scope.setdefault("ascua.admitted", {})
        if self._scope not in admitted:
            admitted[self._scope] = await holder_of(request, self._keys, self._scope)
            if (visit := current_visit()) is not None:
                visit.admitted(admitted[self._scope])
        return admitted[self._scope]


def admit(keys: KeyRing, scope: Scope) -> Any:
    return Depends(Admission(keys, scope))


class KeyFirst(APIRoute):
    """A route that asks for the key before it reads the body: who may not come in is not listened to."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        asked = [each.call for each in self.dependant.dependencies if isinstance(each.call, Admission)]

        async def answer(request: Request) -> Response:
            for admission in asked:
                await admission(request)
            return await handle(request)

        return answer


def commands(backends: Backends, keys: KeyRing) -> APIRouter:
    """Commands, passed on to the service that owns what they change."""
    api = APIRouter(prefix="/v1", tags=["commands"], route_class=KeyFirst)
    capture, work = [admit(keys, Scope.CAPTURE)], [admit(keys, Scope.WORK)]

    @api.post("/leads", status_code=201, dependencies=capture, summary="Capture a lead")
    async def capture_lead(form: LeadForm, idempotency_key: IdempotencyKey = None) -> JSONResponse:
        return JSONResponse(await backends.call("leads", "POST", "/leads", form, idempotency_key), 201)

    @api.post("/leads/{lead_id}/stage", dependencies=work, summary="Move an open lead to another stage")
    async def change_stage(
        lead_id: LeadPath, command: ChangeStage, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await backends.call("leads", "POST", f"/leads/{lead_id}/stage", command, idempotency_key)

    @api.post("/leads/{lead_id}/offers", dependencies=work, summary="Record an offer that was sent")
    async def offer(lead_id: LeadPath, command: OfferLead, idempotency_key: IdempotencyKey = None) -> Any:
        return await backends.call("leads", "POST", f"/leads/{lead_id}/offers", command, idempotency_key)

    @api.post("/leads/{lead_id}/won", dependencies=work, summary="Win a lead")
    async def win(lead_id: LeadPath, command: WinLead, idempotency_key: IdempotencyKey = None) -> Any:
        return await backends.call("leads", "POST", f"/leads/{lead_id}/won", command, idempotency_key)

    @api.post("/leads/{lead_id}/lost", dependencies=work, summary="Lose a lead, with a reason")
    async def lose(lead_id: LeadPath, command: LoseLead, idempotency_key: IdempotencyKey = None) -> Any:
        return await backends.call("leads", "POST", f"/leads/{lead_id}/lost", command, idempotency_key)

    @api.post("/leads/{lead_id}/qualification", dependencies=work, summary="Say what a lead is, in words")
    async def qualify(lead_id: LeadPath, command: QualifyLead, idempotency_key: IdempotencyKey = None) -> Any:
        """ICP, budget, authority, need, timeframe: what the rules give fit points for. Replaces what was said."""
        path = f"/leads/{lead_id}/qualification"
        return await backends.call("leads", "POST", path, command, idempotency_key)

    @api.post(
        "/leads/{lead_id}/consent-withdrawal",
        dependencies=work,
        summary="Forget what concerns the person, who no longer agrees",
    )
    async def withdraw_consent(
        lead_id: LeadPath, command: WithdrawConsent, idempotency_key: IdempotencyKey = None
    ) -> Any:
        path = f"/leads/{lead_id}/consent-withdrawal"
        return await backends.call("leads", "POST", path, command, idempotency_key)

    @api.post("/leads/{lead_id}/merge", dependencies=work, summary="Merge another lead into this one")
    async def merge(lead_id: LeadPath, command: MergeLeads, idempotency_key: IdempotencyKey = None) -> Any:
        return await backends.call("leads", "POST", f"/leads/{lead_id}/merge", command, idempotency_key)

    @api.post("/leads/{lead_id}/split", dependencies=work, summary="Let a merged lead stand alone again")
    async def split(lead_id: LeadPath, command: SplitLead, idempotency_key: IdempotencyKey = None) -> Any:
        return await backends.call("leads", "POST", f"/leads/{lead_id}/split", command, idempotency_key)

    @api.post("/leads/{lead_id}/activities", status_code=201, dependencies=work, summary="Log an activity")
    async def log(
        lead_id: LeadPath, command: LogActivity, idempotency_key: IdempotencyKey = None
    ) -> JSONResponse:
        await backends.must_exist(lead_id)
        path = f"/leads/{lead_id}/activities"
        return JSONResponse(await backends.call("followup", "POST", path, command, idempotency_key), 201)

    @api.post("/activities", dependencies=work, summary="Log many activities, such as a day's calls")
    async def log_many(command: LogActivities, idempotency_key: IdempotencyKey = None) -> ActivityOutcomes:
        """Each has an outcome of its own. With keys of their own they can be sent again as they are."""
        return await handlers.log_many(backends, command, idempotency_key)

    @api.post("/leads/{lead_id}/next-step", dependencies=work, summary="Say what is done next, and when")
    async def plan(lead_id: LeadPath, command: PlanStep, idempotency_key: IdempotencyKey = None) -> Any:
        await backends.must_exist(lead_id)
        path = f"/leads/{lead_id}/next-step"
        return await backends.call("followup", "POST", path, command, idempotency_key)

    @api.post("/leads/{lead_id}/owner", dependencies=work, summary="Hand a lead to a rep")
    async def assign(lead_id: LeadPath, command: AssignLead, idempotency_key: IdempotencyKey = None) -> Any:
        await backends.must_exist(lead_id)
        return await backends.call("followup", "POST", f"/leads/{lead_id}/owner", command, idempotency_key)

    @api.post("/tickets", status_code=201, dependencies=capture, summary="Open a ticket")
    async def open_ticket(command: OpenTicket, idempotency_key: IdempotencyKey = None) -> JSONResponse:
        await backends.must_exist(command.lead_id)
        return JSONResponse(await backends.call("tickets", "POST", "/tickets", command, idempotency_key), 201)

    @api.post("/tickets/{ticket_id}/replies", dependencies=work, summary="Reply to a ticket")
    async def reply(
        ticket_id: TicketPath, command: ReplyTicket, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await backends.call(
            "tickets", "POST", f"/tickets/{ticket_id}/replies", command, idempotency_key
        )

    @api.post("/tickets/{ticket_id}/resolution", dependencies=work, summary="Resolve a ticket")
    async def resolve(
        ticket_id: TicketPath, command: ResolveTicket, idempotency_key: IdempotencyKey = None
    ) -> Any:
        return await backends.call(
            "tickets", "POST", f"/tickets/{ticket_id}/resolution", command, idempotency_key
        )

    return api


def playbooks(backends: Backends, keys: KeyRing) -> APIRouter:
    """What is done for whom: owned by followup."""
    api = APIRouter(prefix="/v1", tags=["playbooks"], route_class=KeyFirst)
    read, operate = [admit(keys, Scope.READ)], [admit(keys, Scope.OPERATE)]

    @api.get("/playbooks", dependencies=read, summary="The playbooks in force, as they were written")
    async def in_force() -> Any:
        return await backends.call("followup", "GET", "/playbooks")

    @api.post("/playbooks/preview", dependencies=operate, summary="What publishing playbooks would do now")
    async def preview(command: PublishPlaybooks) -> Any:
        return await backends.call("followup", "POST", "/playbooks/preview", command)

    @api.post("/playbooks", dependencies=operate, summary="Put playbooks in force")
    async def publish(command: PublishPlaybooks) -> Any:
        """Who is on the way in an unchanged playbook stays, in a changed one goes on from the same step, else ends."""
        return await backends.call("followup", "POST", "/playbooks", command)

    @api.get("/playbooks/{name}/trial", dependencies=read, summary="What an experiment has shown")
    async def trial(name: LeadPath) -> Any:
        return await backends.call("followup", "GET", f"/playbooks/{name}/trial")

    return api


def intake(
    publisher: Publisher, backends: Backends, imports: Imports, keys: KeyRing, clock: Clock
) -> APIRouter:
    """What comes in bulk: signals and imports."""
    api = APIRouter(prefix="/v1", tags=["intake"], route_class=KeyFirst)
    arrivals = Arrivals()
    signal = SendSignal.model_json_schema()
    one_or_many = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        signal,
                        {"type": "array", "items": signal, "minItems": 1, "maxItems": SIGNALS_AT_ONCE},
                    ]
                }
            },
            "application/x-ndjson": {"schema": {"type": "string", "description": "One signal a line."}},
        },
    }

    @api.post(
        "/signals",
        status_code=202,
        dependencies=[admit(keys, Scope.CAPTURE)],
        summary="Send signals: one, an array, or NDJSON",
        openapi_extra={"requestBody": one_or_many},
    )
    async def signals(request: Request) -> SignalsAccepted:
        """Answered once the broker has them all. When one is wrong, none is taken, and the answer says which."""
        taken = _signals(await request.body(), request.headers.get("content-type", ""))
        ids = await handlers.take_signals(publisher, backends, arrivals, taken, clock)
        return SignalsAccepted(accepted=len(ids), ids=ids)

    @api.post("/history", dependencies=[admit(keys, Scope.OPERATE)], summary="Take a piece of an import")
    async def history(piece: HistoryRows) -> RowOutcomes:
        return await handlers.take_history(publisher, backends, imports, piece, clock)

    return api


def reads(
    views: Views,
    backends: Backends,
    live: Live,
    keys: KeyRing,
    topics: Topics,
    clock: Clock,
    own: Callable[[], Mapping[str, Any]],
) -> APIRouter:
    """What can be seen; `own` is what the parts of this process say of themselves."""
    api = APIRouter(
        prefix="/v1", tags=["reads"], dependencies=[admit(keys, Scope.READ)], route_class=KeyFirst
    )

    @api.get("/leads/{lead_id}", summary="Everything about a lead")
    async def lead(lead_id: LeadPath) -> LeadNow:
        position, now = live.position(), clock()
        view = await handlers.view(views, backends, lead_id)
        return LeadNow(at=now, heat=view.heat.now(now) if view.heat else None, lead=view, position=position)

    @api.get("/leads/{lead_id}/timeline", summary="All that happened to a lead, newest first")
    async def timeline(
        lead_id: LeadPath, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> Any:
        return await handlers.timeline(backends, lead_id, cursor=cursor, limit=limit)

    @api.get("/rules", summary="All rules that were ever published, and which are in force")
    async def rules() -> Any:
        return await backends.call("scoring", "GET", "/rules")

    @api.get("/rules/{version}", summary="Rules as they were written, with their comments")
    async def rules_text(version: RulesPath) -> Any:
        return await backends.call("scoring", "GET", f"/rules/{version}")

    @api.get("/leads/{lead_id}/heat", summary="A lead's heat at an instant")
    async def heat(lead_id: LeadPath, at: At = None, scorecard: Card = "heat") -> Any:
        await backends.must_exist(lead_id)
        path = f"/leads/{lead_id}/heat"
        return await backends.call("scoring", "GET", path, at=_instant(at), scorecard=scorecard)

    @api.get("/leads/{lead_id}/heat/explain", summary="Why it is so, to the event")
    async def explain(lead_id: LeadPath, at: At = None, scorecard: Card = "heat", limit: Terms = 100) -> Any:
        """The largest terms one by one, the rest by kind; base, terms, rest, fit and caps sum to the heat."""
        await backends.must_exist(lead_id)
        asked: dict[str, Any] = {"at": _instant(at), "scorecard": scorecard, "limit": limit}
        return await backends.call("scoring", "GET", f"/leads/{lead_id}/heat/explain", **asked)

    @api.post("/activities/proposals", summary="Read a line into an activity, without logging it")
    async def propose(body: ReadLine) -> Proposal:
        """The fields that a line such as `llamé, no contesta, mañana 10am` gives, for a person to confirm."""
        now = clock()
        at = clamp(body.at, now)
        return parse(body.line, at, ZoneInfo(body.zone), body.language and Language(body.language))

    @api.get("/boards/heat", summary="Who to call now, of the open leads of a band")
    async def heat_board(
        band: Band = Band.HOT,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> HeatBoard:
        """First those with whom something is to be done now, the warmest first; then the others, the soonest first."""
        position = live.position()
        board = await handlers.heat_board(views, band, cursor, limit, clock())
        return HeatBoard(
            at=board.at,
            band=board.band,
            items=[BoardLine(heat=line.heat, turn=line.turn, lead=line.view) for line in board.lines],
            next_cursor=board.next_cursor,
            position=position,
        )

    @api.get(
        "/stream", summary="Changes as they happen (server-sent events)", response_class=EventSourceResponse
    )
    async def stream(
        request: Request,
        position: Annotated[str | None, Depends(_resumed)],
    ) -> AsyncIterator[ServerSentEvent]:
        """Each event's id is a position to resume from, on any replica. `reset` means: read everything again."""
        yield ServerSentEvent(comment="connected", retry=1_000)
        still = partial(holder_of, request, keys, Scope.READ)
        async for change in while_admitted(live.changes(position), still):
            name: Literal["reset", "change"] = "reset" if change.type == "reset" else "change"
            data = {"type": change.type, "lead_id": change.lead_id, "time": change.time}
            yield ServerSentEvent(event=name, id=change.id, data=data)

    @api.get("/status", summary="Is everything caught up?", dependencies=[admit(keys, Scope.OPERATE)])
    async def status() -> dict[str, Any]:
        """Every service's parts, every consumer's lag. `caught_up` when nothing was under way between two looks."""
        groups = sorted(_groups({**await backends.statuses(), "gateway": own()}))
        before = await lag(topics, groups)
        services = await backends.statuses()
        after = await lag(topics, groups)
        idle = all(
            "error" not in each and not each.get("relay", {}).get("outbox_pending")
            for each in services.values()
        )
        behind = sum(place["lag"] for group in after.values() for place in group.values())
        # A group without a position has not begun.
        caught_up = idle and behind == 0 and before == after and all(after.values())
        return {"caught_up": caught_up, "lag": after, "services": services}

    return api


def _groups(services: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The consumer groups of which the parts of services say that they are in them."""
    parts = [part for parts in services.values() for part in parts.values() if isinstance(part, Mapping)]
    return {str(part["group"]) for part in parts if "group" in part}


def _signals(body: bytes, content_type: str) -> list[SendSignal]:
    """Read one signal, an array, or NDJSON. Raises as FastAPI does, with the place of each mistake."""
    try:
        text = body.decode()
        if content_type.partition(";")[0].strip().lower() in ("application/x-ndjson", "application/jsonl"):
            lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
            given = [_line(number, line) for number, line in lines]
        else:
            given = json.loads(text)
    except UnicodeDecodeError as error:
        raise Refused("not-utf8", f"byte {error.start} of the body is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise Refused("not-json", f"the body is not JSON: {error}") from None
    try:
        return _SIGNALS.validate_python(given if isinstance(given, list) else [given])
    except ValidationError as error:
        raise RequestValidationError(
            [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        ) from None


def _line(number: int, line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        raise Refused("not-json", f"line {number} of the body is not JSON") from None


async def _resumed(
    from_: Annotated[str | None, Query(alias="from", max_length=2_000)] = None,
    last_event_id: Annotated[str | None, Header(max_length=2_000)] = None,
) -> str | None:
    """Where a client goes on. Looked at before the stream begins: then it is too late for a problem."""
    position = last_event_id or from_
    if position is not None:
        decode_position(position)
    return position


def _instant(at: datetime | None) -> str | None:
    try:
        return None if at is None else rfc3339(in_utc(at))
    except ValueError as error:
        raise Refused("time-out-of-range", str(error)) from None
