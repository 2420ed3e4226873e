"""The log of the BPI Challenge 2012, where it is: every row says something, here and to the domain."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.imports.log_rows import Ready, understand
from cli.imports.mapping_parser import load_mapping
from cli.imports.readers import Source
from services.leads.domain import lead as domain
from services.leads.domain.lead import Lead
from shared.commands.import_rows import (
    HistoryRow,
)

ROOT = Path(__file__).parents[3]
REAL_LOG = ROOT.parent / "shared/data/bpi12_first_half.csv.gz"
BPI = load_mapping(ROOT / "cli/imports/mappings/bpi12.yaml")


@pytest.mark.skipif(not REAL_LOG.exists(), reason="the real log (BPI 2012) is not on this machine")
def test_no_row_of_the_real_log_is_rejected_neither_here_nor_by_the_domain() -> None:
    leads: dict[str, Lead] = {}
    told: Counter[str] = Counter()
    with Source(REAL_LOG) as source:
        for row in understand(source.rows(BPI), BPI):
            assert isinstance(row, Ready), row
            action = ACTION.findall(row.body)[-1].decode()
            told[action] += 1
            if action in DECISIONS:
                fact = HistoryRow.model_validate_json(row.body)
                leads[fact.lead_id], _ = DECISIONS[action](leads.get(fact.lead_id), fact)
            assert row.lead_id in leads

    assert told.total() == 129_998
    assert told["activity"] == 2_895 + 11_489 + 12_101 + 5_816
    assert told["captured"] == len(leads) == 6_543
    won = [lead for lead in leads.values() if lead.status == "won"]
    assert len(won) == told["won"] == 1_152
    assert all(lead.value is not None and lead.value.minor >= 100_000 for lead in won)


ACTION = re.compile(rb'"action":"([a-z]+)"')
DECISIONS: dict[str, Callable[[Any, Any], domain.Decision]] = {
    "captured": lambda lead, row: domain.capture(lead, row.lead_id, row.what, row.at),
    "stage": lambda lead, row: domain.change_stage(lead, row.what, row.at),
    "offered": lambda lead, row: domain.offer(lead, row.what, row.at),
    "won": lambda lead, row: domain.win(lead, row.what, row.at),
    "lost": lambda lead, row: domain.lose(lead, row.what, row.at),
}
