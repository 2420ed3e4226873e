"""Logs are read as they lie on disk, and what is not whole is told before anything is sent."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from cli.imports.log_rows import Ready, understand
from cli.imports.mapping import Mapping
from cli.imports.mapping_parser import load_mapping, parse_mapping
from cli.imports.raw import Raw
from cli.imports.readers import Source
from shared.errors import Refused

MAPPING = parse_mapping(
    "columns: {lead: case_id, time: timestamp, activity: activity, person: resource}\n"
    "map: {A: {captured: web}, B: contacted}"
)
HEADER = "timestamp,case_id,activity,resource\n"
ROWS = "2011-10-01T08:00:00Z,1,A,7\n2011-10-01T09:00:00Z,1,B,7\n"
PACKED = gzip.compress((HEADER + ROWS).encode(), mtime=0)
BPI = load_mapping(Path(__file__).parents[3] / "cli/imports/mappings/bpi12.yaml")


def read(path: Path, mapping: Mapping = MAPPING) -> list[Raw]:
    with Source(path) as source:
        return list(source.rows(mapping))


def refusal(path: Path, mapping: Mapping = MAPPING) -> str:
    with pytest.raises(Refused) as error:
        read(path, mapping)
    return error.value.sentence


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "log"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


Write = Callable[[str | bytes], Path]


def test_csv_is_the_same_plain_or_packed_with_or_without_a_byte_order_mark(write: Write) -> None:
    plain = read(write(HEADER + ROWS))

    assert [row.row for row in plain] == [1, 2]
    assert plain[0] == Raw(1, 2, "1", "2011-10-01T08:00:00Z", "A", person="7")
    assert read(write(PACKED)) == plain
    assert read(write("\ufeff" + HEADER + ROWS)) == plain
    assert read(write((HEADER + ROWS).replace("\n", "\r\n"))) == plain


def test_the_digest_is_of_the_content_however_it_is_packed(write: Write) -> None:
    digests = set()
    for packed in ((HEADER + ROWS).encode(), gzip.compress((HEADER + ROWS).encode(), 1)):
        with Source(write(packed)) as source:
            list(source.rows(MAPPING))
            digests.add(source.digest)

    assert len(digests) == 1


def test_lines_are_those_of_the_file_when_cells_have_lines_of_their_own(write: Write) -> None:
    rows = read(write(HEADER + '2011-10-01T08:00:00Z,1,"A\nand more",7\n\n2011-10-01T09:00:00Z,1,B,7\n'))

    assert [(row.row, row.line) for row in rows] == [(1, 2), (2, 5)]


def test_a_row_with_too_many_or_too_few_cells_is_wrong_alone(write: Write) -> None:
    short, long, good = read(write(HEADER + "2011-10-01T08:00:00Z,1\n1,2,3,4,5\n" + ROWS.splitlines()[0]))

    assert short.wrong == "it has 2 columns, and the header 4"
    assert (short.lead, short.time, short.activity) == ("1", "2011-10-01T08:00:00Z", "")
    assert long.wrong == "it has 5 columns, and the header 4"
    assert good.wrong is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        (HEADER.replace("case_id", "case") + ROWS, "line 1: there is no column case_id, where the mapping"),
        (HEADER.replace("resource", "case_id") + ROWS, "line 1: there is more than one column case_id"),
        (PACKED[:-12], "in the middle of its gzip data; fetch it again"),
        (PACKED[:5], "in the middle of its gzip data; fetch it again"),
        (PACKED + b"rubbish", "broken gzip data"),
        (PACKED[:-8] + b"\0" * 8, "broken gzip data"),
        ((HEADER + ROWS).encode() + b"2011-10-01T08:00:00Z,\xff,A,7\n", "line 4 is not UTF-8"),
        (HEADER + '2011-10-01T08:00:00Z,1,"A,7\n' + ROWS, "line 2: a quote is wrong here or never closed"),
        (HEADER + '2011-10-01T08:00:00Z,1,"A"B,7\n' + ROWS, "line 2: a quote is wrong here"),
        ("<html><body/></html>", "line 1: this is XML, but not XES: it begins with <html>"),
        ("<log><trace><event></event>", "this is not whole XML"),
        ("<log><trace><event></trace></log>", "this is not whole XML"),
    ],
)
def test_a_file_that_is_not_whole_or_not_what_the_mapping_says_is_refused_with_what_to_do(
    write: Write, content: str | bytes, says: str
) -> None:
    assert says in refusal(write(content))


def test_a_packed_file_damaged_in_the_middle_is_refused(write: Write) -> None:
    packed = bytearray(gzip.compress((HEADER + "".join(f"2011,{i},A,7\n" for i in range(5_000))).encode()))
    packed[len(packed) // 2] ^= 0xFF

    assert "broken gzip data" in refusal(write(bytes(packed)))


def test_the_format_is_seen_and_must_be_that_of_the_mapping(write: Write) -> None:
    as_xes = MAPPING.model_copy(update={"format": "xes"})

    assert "is CSV, and the mapping says format: xes" in refusal(write(HEADER + ROWS), as_xes)
    assert "no columns:" in refusal(write(HEADER + ROWS), parse_mapping("map: {A: won}"))


def test_entities_are_never_expanded(write: Write) -> None:
    bomb = '<!DOCTYPE log [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    log = f'<?xml version="1.0"?>\n{bomb}<log><trace><string key="concept:name" value="&b;"/></trace></log>'

    assert "line 2: a DOCTYPE may expand without end" in refusal(write(log))


def test_what_an_xes_log_says_elsewhere_is_not_said_by_its_events(write: Write) -> None:
    log = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <global scope="trace"><string key="concept:name" value="name"/></global>
  <string key="concept:name" value="the log"/>
  <trace>
    <string key="concept:name" value="1"/>
    <event>
      <string key="concept:name" value="A"><string key="concept:name" value="nested"/></string>
      <date key="time:timestamp" value="2011-10-01T10:00:00+02:00"/>
      <list key="other"><values><string key="org:resource" value="not I"/></values></list>
    </event>
  </trace>
  <trace>
    <event>
      <string key="concept:name" value="B"/>
      <string key="lifecycle:transition" value="complete"/><string key="org:resource" value="7"/>
    </event>
  </trace>
</log>"""

    assert read(write(log), parse_mapping("map: {A: won}")) == [
        Raw(1, 7, "1", "2011-10-01T10:00:00+02:00", "A"),
        Raw(2, 14, "", "", "B", "complete", "7"),
    ]


def test_an_attribute_that_no_event_of_an_xes_log_has_is_missed(write: Write) -> None:
    log = '<log><trace><event><string key="concept:name" value="A"/></event></trace></log>'

    assert "no event has case:concept:name, where the mapping looks for the lead" in refusal(
        write(log), parse_mapping("map: {A: won}")
    )


def test_a_trace_that_tells_its_name_too_late_is_refused(write: Write) -> None:
    log = '<log><trace><event/><string key="concept:name" value="1"/></trace></log>'

    assert "after its events" in refusal(write(log), parse_mapping("map: {A: won}"))


def test_xes_and_csv_of_the_same_log_give_the_same_rows(write: Write) -> None:
    told = [
        (f"2011-10-01T08:{minute:02}:00.250Z", str(case), "20000", activity, lifecycle, resource)
        for case in range(20)
        for minute, (activity, lifecycle, resource) in enumerate(
            [
                ("A_SUBMITTED", "COMPLETE", "112"),
                ("W_Nabellen offertes", "START", ""),
                ("W_Nabellen offertes", "COMPLETE", "10913"),
                ("O_SENT", "COMPLETE", "10913"),
                ("A_ACTIVATED", "COMPLETE", "10609"),
            ]
        )
    ]

    from_csv = understand(read(write(as_csv(told)), BPI), BPI)
    bodies = [row.body for row in from_csv if isinstance(row, Ready)]
    from_xes = understand(read(write(gzip.compress(as_xes(told).encode())), BPI), BPI)

    assert len(bodies) == 100
    assert [row.body for row in from_xes if isinstance(row, Ready)] == bodies


def as_csv(told: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("timestamp", "case_id", "amount_requested", "activity", "lifecycle", "resource"))
    writer.writerows(told)
    return text.getvalue()


def as_xes(told: Sequence[Sequence[str]]) -> str:
    """The log by case, as the BPI challenges publish it."""
    traces: dict[tuple[str, str], list[str]] = {}
    for at, case, amount, activity, lifecycle, resource in told:
        who = f'<string key="org:resource" value={quoteattr(resource)}/>' if resource else ""
        traces.setdefault((case, amount), []).append(
            f"<event>{who}<string key='lifecycle:transition' value={quoteattr(lifecycle)}/>"
            f"<string key='concept:name' value={quoteattr(activity)}/>"
            f"<date key='time:timestamp' value={quoteattr(at)}/></event>"
        )
    body = "".join(
        f'<trace><string key="AMOUNT_REQ" value="{amount}"/><string key="concept:name" value="{case}"/>'
        f"{''.join(events)}</trace>"
        for (case, amount), events in traces.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><log xmlns="http://www.xes-standard.org/">{body}</log>'
