"""A table of people on a running system: each stands as it stood, is whose it was, and is named in no log."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.cli.commands import ascua
from tests.conftest import System
from tests.names import drawn

HEADER = (
    "Record ID,First Name,Email,Phone Number,Lifecycle Stage,Contact owner,Create Date,Last Contacted,"
    "Original Source\n"
)


async def test_an_export_comes_in_once_with_owner_stage_end_and_last_activity(
    system: System, tmp_path: Path
) -> None:
    ids = [drawn("p")[-12:] for _ in range(4)]
    rows = [
        f"{ids[0]},Inés,ines@example.com,600 111 222,Opportunity,carla,2026-09-01 09:14,2026-09-20 10:00,Paid Social\n",
        f"{ids[1]},Leo,leo@example.com,,Customer,ben,2026-09-02 09:14,2026-09-21 10:00,Organic Search\n",
        f"{ids[2]},Ada,ada@example.com,,Lead,,2026-09-03 09:14,,Offline Sources\n",
    ]
    file = tmp_path / "contacts.csv"
    file.write_text(HEADER + "".join(rows))
    first = await bring(system, file)
    again = await bring(system, file)
    file.write_text(HEADER + "".join(rows) + f"{ids[3]},Noa,,,Lead,carla,2026-09-04 09:14,,\n")
    grown = await bring(system, file)

    assert [(each["events_published"], each["events_already_known"]) for each in (first, again, grown)] == [
        (3, 0), (0, 3), (1, 3),
    ]  # fmt: skip
    views = [await view(system, f"hubspot-{id}") for id in ids]
    assert [(each["status"], each["stage"], each["owner"], each["channel"]) for each in views] == [
        ("open", "proposal", "carla", "social"),
        ("won", "new", "ben", "web"),
        ("open", "new", "team", "phone"),
        ("open", "new", "carla", "web"),
    ]
    assert views[0]["profile"]["name"] == "Inés"
    assert views[0]["last_activity"]["at"] == "2026-09-20T10:00:00.000Z"
    assert (views[0]["next_step"]["owner"], views[0]["next_step"]["because"]) == ("carla", "imported")
    assert (views[1]["closed_at"], views[1]["next_step"]) == ("2026-09-21T10:00:00.000Z", None)

    async with system.client() as gateway:
        timeline = (await gateway.get(f"/v1/leads/hubspot-{ids[0]}/timeline")).text
    assert '"imported"' in timeline
    assert "Inés" not in timeline
    assert "ines@example.com" not in timeline


async def bring(system: System, file: Path) -> dict[str, Any]:
    done = await ascua("import", str(file), "--mapping", "hubspot", "--json", env=system.environment())
    assert done.code == 0, done.err
    account: dict[str, Any] = json.loads(done.out)
    return account


async def view(system: System, lead_id: str) -> dict[str, Any]:
    """As it stands once the views have come so far as to know its owner and next step."""
    async with system.client() as gateway:
        async with asyncio.timeout(30):
            while True:
                answer = await gateway.get(f"/v1/leads/{lead_id}")
                lead: dict[str, Any] = answer.json()["lead"]
                if lead["owner"] is not None and (lead["next_step"] or lead["status"] == "won"):
                    return lead
                await asyncio.sleep(0.1)
