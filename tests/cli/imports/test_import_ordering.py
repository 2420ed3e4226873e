"""Pieces stay in the bounds of a request, and nothing piles up while they are made."""

from __future__ import annotations

from pathlib import Path

from cli.imports.log_rows import Ready, Reject, understand
from cli.imports.mapping_parser import parse_mapping
from cli.imports.ordering import MAX_BYTES, pieces
from cli.imports.readers import Source

MAPPING = parse_mapping("columns: {lead: lead, time: time, activity: step}\nmap: {Form: {captured: web}}\n")
HEADER = "lead,time,step\n"


def test_a_piece_stays_well_below_the_body_the_gateway_takes() -> None:
    long = Ready(next(understand([], MAPPING), None), "x", b"x" * 3_000, (0, 0, 0))  # type: ignore[arg-type]
    sizes = [sum(len(row.body) + 1 for row in piece.rows) for piece in pieces([long] * 2_000)]

    assert max(sizes) <= MAX_BYTES + 3_000
    assert len(sizes) > 5


def test_rejects_of_a_log_that_is_all_wrong_do_not_pile_up(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_text(HEADER + "x\n" * 100)
    with Source(file) as source:
        told = list(pieces(understand(source.rows(MAPPING), MAPPING), 10))

    assert max(len(piece.rejects) for piece in told) == 10
    assert all(isinstance(row, Reject) for piece in told for row in piece.rejects)
