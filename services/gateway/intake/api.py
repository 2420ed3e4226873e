"""What comes in bulk, over HTTP: signals and pieces of imports."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from services.gateway.access.admission import KeyFirst, admit
from services.gateway.access.keys import (
    KeyRing,
)
from services.gateway.access.roles import (
    Scope,
)
from services.gateway.clients import Upstreams
from services.gateway.intake.automated import Arrivals
from services.gateway.intake.import_progress import Imports
from services.gateway.intake.import_rows import take_history
from services.gateway.intake.signals import take_signals
from shared.bus.publisher import Publisher
from shared.clock import Clock
from shared.commands.import_rows import HistoryRows, RowOutcomes
from shared.commands.signals import SendSignal
from shared.errors import Refused

SIGNALS_AT_ONCE = 1_000
_SIGNALS: TypeAdapter[list[SendSignal]] = TypeAdapter(
    Annotated[list[SendSignal], Field(min_length=1, max_length=SIGNALS_AT_ONCE)]
)


class SignalsAccepted(BaseModel):
    accepted: int
    ids: list[str]


def router(
    publisher: Publisher, upstreams: Upstreams, imports: Imports, keys: KeyRing, clock: Clock
) -> APIRouter:
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
        taken = _read(await request.body(), request.headers.get("content-type", ""))
        ids = await take_signals(publisher, upstreams, arrivals, taken, clock)
        return SignalsAccepted(accepted=len(ids), ids=ids)

    @api.post("/history", dependencies=[admit(keys, Scope.OPERATE)], summary="Take a piece of an import")
    async def history(piece: HistoryRows) -> RowOutcomes:
        return await take_history(publisher, upstreams, imports, piece, clock)

    return api


def _read(body: bytes, content_type: str) -> list[SendSignal]:
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
