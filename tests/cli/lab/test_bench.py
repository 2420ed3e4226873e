"""The comparison of `bench/fit.py` in a short form: a sixth of the real log, and both sides on the same leads."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from cli.imports.mapping_parser import load_mapping
from cli.lab.fitting import two_thirds
from cli.lab.histories import AGES
from tests.cli.lab.rows import leads_of
from tests.e2e import histories

fit = pytest.importorskip("bench.fit", reason="scikit-learn is not installed")


@pytest.mark.skipif(not histories.REAL_LOG.exists(), reason=histories.NO_REAL_LOG)
def test_rules_learned_from_some_of_the_real_log_tell_its_later_leads_apart(tmp_path: Path) -> None:
    log = tmp_path / "some.csv"
    with (
        gzip.open(histories.REAL_LOG, "rt", encoding="utf-8") as file,
        log.open("w", encoding="utf-8") as some,
    ):
        some.write(next(file))
        some.writelines(line for line in file if int(line.split(",", 2)[1]) // 3 % 6 == 0)
    leads, activities = leads_of(log, load_mapping(histories.MAPPING)), fit.read(log)

    outcomes = fit.measure(leads, activities, two_thirds(leads))
    rows, notes = fit.rows_of("some leads", outcomes)

    assert len(rows) == len(AGES) * len(outcomes) == 20, "every row is told, also the lost ones"
    assert len(notes) == len(AGES)
    for age in AGES:
        first = [each.won for each in outcomes[0].scores[age]]
        assert all([each.won for each in outcome.scores[age]] == first for outcome in outcomes), (
            "the same leads"
        )
    assert outcomes[0].auc("6h").value > 0.6
