"""What happened with a lead, page by page."""

from __future__ import annotations

import base64

from services.scoring.ledger import Entry
from services.scoring.queries.reads import Reads
from services.scoring.scorecard.ties import Ties
from shared.errors import Refused


async def timeline(
    reads: Reads, lead_id: str, before: str | None, limit: int
) -> tuple[list[Entry], str | None]:
    """A page of the facts of a lead and its members from the newest, behind the cursor `before`; and the next one."""
    last = _read_cursor(before) if before is not None else None
    ties = Ties()
    for tying in await reads.ledger.tying(lead_id):
        ties.hear(tying.fact)
    page = await reads.ledger.downwards([lead_id, *ties.members], last, limit + 1)
    return page[:limit], _cursor(page[limit - 1]) if len(page) > limit else None


def _cursor(entry: Entry) -> str:
    return (
        base64.urlsafe_b64encode(f"{entry.at_ms} {entry.recorded_ms} {entry.name}".encode())
        .decode()
        .rstrip("=")
    )


def _read_cursor(cursor: str) -> tuple[int, int, str]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at_ms, recorded_ms, name = text.split(" ", 2)
        return int(at_ms), int(recorded_ms), name
    except ValueError:
        raise Refused("bad-cursor", "this is not a cursor of this timeline; begin without one") from None
