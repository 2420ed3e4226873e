"""How well a policy rebuilds what a real help desk said of its deadlines, and what reckoning costs.

The log is the ServiceNow one where it lies beside the repository (C. Amaral, M. Fantinato, S. Peres, UCI,
doi:10.24432/C57S4H). Its rows go through the mapping that ships, the decisions of tickets and the engine, without
servers; then `made_sla` of each ticket's last row is compared with what became of its resolution's clock.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import Final

from bench.tables import Row, keep, row
from cli.imports.log_rows import Ready
from cli.imports.mapping_parser import load_mapping
from cli.imports.readers import Source
from cli.imports.run import FileReading
from services.tickets.domain.imported import bring_in
from services.tickets.domain.sla import promises
from services.tickets.domain.sla.parser import read
from services.tickets.domain.sla.policies import Policies
from services.tickets.domain.ticket import Ticket
from shared.commands.import_rows import HistoryRow, TicketRow
from shared.events.tickets import SlaClock

ROOT: Final = Path(__file__).parents[1]
LOG: Final = ROOT.parent / "shared/data/servicenow_first.csv.gz"
POLICY: Final = ROOT / "docs/examples/sla-servicenow.yaml"


def tickets(log: Path, policies: Policies) -> dict[str, Ticket]:
    """The tickets of a log as an import leaves them."""
    found: dict[str, Ticket] = {}
    mapping = load_mapping(ROOT / "cli/imports/mappings/servicenow.yaml")
    with Source(log) as source:
        for _ in source.rows(mapping):
            pass  # its header is known from then on
        for each in FileReading(source, mapping).rows():
            assert isinstance(each, Ready), each
            told = HistoryRow.model_validate_json(each.body)
            assert isinstance(told.what, TicketRow)
            ticket, _ = bring_in(found.get(each.ticket), told.lead_id, told.what, told.at)
            found[each.ticket], _ = promises.kept(ticket, policies, told.at, is_history=True)
    return found


def agreement(log: Path, found: dict[str, Ticket]) -> dict[str, tuple[int, int]]:
    """By priority in the log, how many tickets there are and how many verdicts agree."""
    said: dict[str, tuple[str, bool]] = {}
    with gzip.open(log, "rt", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            said[line["number"]] = line["priority"], line["made_sla"] == "true"
    total, agreed = Counter[str](), Counter[str]()
    for number, (priority, made) in said.items():
        (ended,) = (each for each in found[number].sla.ended if each.clock is SlaClock.RESOLUTION)
        total[priority] += 1
        agreed[priority] += ended.met is made
    return {priority: (total[priority], agreed[priority]) for priority in sorted(total)}


def main() -> None:
    policies = read(POLICY.read_text(), POLICY.name)
    began = perf_counter()
    found = tickets(LOG, policies)
    seconds = perf_counter() - began
    by_priority = agreement(LOG, found)
    both = [by_priority[priority] for priority in by_priority if priority[0] in "34"]
    share = 100 * sum(agreed for _, agreed in both) / sum(total for total, _ in both)
    rows: list[Row] = [
        row("sla", f"made_sla of priority {priority}, {total:,} tickets", "percent", [100 * agreed / total])
        for priority, (total, agreed) in by_priority.items()
    ]
    rows.append(row("sla", "made_sla of priorities 3 and 4", "percent", [share]))
    rows.append(
        row("sla", f"{len(found):,} tickets read, decided and reckoned, no servers", "seconds", [seconds])
    )
    keep("sla", rows, [f"Log: {LOG.name}"])


if __name__ == "__main__":
    main()
