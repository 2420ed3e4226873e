"""A mapping is proposed for a table nobody has described; what it is unsure of, it says."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.imports import vocabulary
from cli.imports.columns import formats
from cli.imports.guess import propose
from cli.imports.mapping import Mapping
from cli.imports.mapping_parser import parse_mapping
from cli.imports.people_mapping import Leads
from cli.imports.preview import preview
from cli.imports.sample import Sample
from cli.imports.vocabulary import CHANNELS, STAGES, looked_up
from shared.errors import Refused

SPANISH = (
    "Nombre y apellidos;Correo-e;Móvil;Negocio;¿Cómo nos conoció?;Situación;Lo lleva;Fecha de alta;Último contacto;"
    "Próxima visita;Presupuesto (€);Observaciones\n"
    "Inés Mar;ines@example.com;+34 600 111 222;Faro;Instagram;Presupuesto enviado;Carla Sol;02/09/2026;15/09/2026;;"
    "1.500;llamar\n"
    "Leo Paz;;600111223;;Feria de Lugo;No le interesa;Ben Oso;03/09/2026;;01/12/2026;2.500,00;\n"
    "Ada Río;ada@example.com;;;Radio;En pausa;;04/09/2026;;;;\n"
)
ENGLISH = (
    "Customer\tE-Mail Address\tPhone no.\tHow did you hear of us?\tWhere it stands (status)\tSales rep\tDate added\n"
    "Ines Mar\tines@example.com\t+44 20 7946 0100\tGoogle ads\tQuote sent\tcarla@example.org\t09/14/2026\n"
    "Leo Paz\tleo@example.com\t\tWord of mouth\tWon\tben@example.org\t09/15/2026\n"
)
LOG = (
    "ref,date,what,amount\na,2026-09-01,Form,\na,2026-09-02,Quote sent,12.500\n"
    "b,2026-09-03,Form,\nb,2026-09-04,Lost,\n"
)
Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "My table (2).csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


async def stands(path: Path, mapping: Mapping) -> list[dict[str, object]]:
    seen = await preview(path, mapping, quiet=0)
    return [{"at": (row.at or "")[:10], **(row.what or {"rejected": row.rejected})} for row in seen.rows]


async def test_a_spanish_table_of_ones_own_comes_in_by_what_is_proposed(write: Write) -> None:
    path = write(SPANISH)
    proposal = propose(path)
    told = await stands(path, parse_mapping(proposal.text))

    for line in told:
        line.pop("action")
    assert told[0] == {
        "at": "2026-09-02",
        "profile": {
            "name": "Inés Mar",
            "email": "ines@example.com",
            "phone": "+34 600 111 222",
            "company": "Faro",
        },
        "channel": "social",
        "stage": "proposal",
        "origin": "instagram",
        "value": {"minor": 150000, "currency": "EUR"},
        "owner": "carla-sol",
        "last_activity": {"at": "2026-09-15T00:00:00Z", "kind": "call", "result": "done"},
    }
    assert told[1]["end"] == {"at": "2026-09-03T00:00:00Z", "outcome": "lost", "reason": "no_le_interesa"}
    assert told[1]["channel"] == "store"
    for doubt in (
        "the source 'Radio' is taken for the channel web",
        "the stage 'En pausa' is taken for new",
        "there is no column of ids: people are told apart by Correo-e or Móvil",
        "owners are known here by the ids of their keys: Carla Sol is taken for carla-sol",
    ):
        assert doubt in proposal.doubts
        assert f"# NOT SURE: {doubt}" in proposal.text.splitlines()
    assert "# Not used: Próxima visita, Observaciones" in proposal.text.splitlines()


async def test_an_english_table_of_ones_own_too(write: Write) -> None:
    path = write(ENGLISH)
    told = await stands(path, parse_mapping(propose(path).text))

    assert [(each["at"], each["channel"], each.get("owner")) for each in told] == [
        ("2026-09-14", "web", "carla"),
        ("2026-09-15", "phone", "ben"),
    ]
    assert (told[0]["stage"], told[1]["end"]) == (
        "proposal",
        {"at": "2026-09-15T00:00:00Z", "outcome": "won"},
    )


async def test_the_leads_of_an_ad_form_come_in_as_it_exports_them(write: Write) -> None:
    """UTF-16 with tabs, ids and numbers with a letter before them."""
    content = (
        "id\tcreated_time\tad_id\tplatform\tfull_name\tphone_number\temail\n"
        "l:5550001\t2026-10-02T09:14:00+02:00\tag:1\tig\tInés Mar\tp:+34600111222\tines@example.com\n"
    )
    path = write(content.encode("utf-16"))
    proposal = propose(path)
    (told,) = await stands(path, parse_mapping(proposal.text))

    assert "  key: id" in proposal.text.splitlines()
    assert told["profile"] == {"name": "Inés Mar", "email": "ines@example.com", "phone": "+34600111222"}
    assert (told["at"], told["channel"]) == ("2026-10-02", "social")


async def test_a_log_of_what_happened_is_known_by_its_columns(write: Write) -> None:
    path = write(LOG)
    proposal = propose(path)
    told = await stands(path, parse_mapping(proposal.text))

    assert [each.get("action", "rejected") for each in told] == ["captured", "rejected", "captured", "lost"]
    assert "the activity 'Form' is taken for {captured: web}" in proposal.doubts
    assert "12.500 can be read in two ways: say decimal, or its row will be rejected" in proposal.doubts


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "windows-1252"])
async def test_any_encoding_of_it_gives_the_same(write: Write, encoding: str) -> None:
    path = write(SPANISH.encode(encoding))

    (first, *_) = await stands(path, parse_mapping(propose(path).text))
    assert first["profile"] == {
        "name": "Inés Mar",
        "email": "ines@example.com",
        "phone": "+34 600 111 222",
        "company": "Faro",
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("one column\nx\n", "no header with two columns"),
        ("a,b\n", "no header with two columns and a row"),
        ("a,b\n1,2\n", "has neither people"),
        ("<log/>", "is XML"),
    ],
)
def test_what_is_no_table_of_leads_is_refused(write: Write, content: str, says: str) -> None:
    with pytest.raises(Refused) as error:
        propose(write(content))

    assert says in error.value.sentence


@pytest.mark.parametrize(
    ("words", "found", "doubt"),
    [
        (["2026-09-01", "2026-09-01T10:00Z"], [], None),
        (["13/09/2026", "01/02/2026"], ["%d/%m/%Y"], None),
        (["09/13/2026", "01/02/2026"], ["%m/%d/%Y"], None),
        (["01/02/2026"], ["%d/%m/%Y"], "may have the day or the month first"),
        (["13/09/2026", "2026-09-01"], ["%d/%m/%Y", "iso"], None),
        (["13/09/2026", "09/13/2026"], ["%d/%m/%Y"], "is written otherwise than the others"),
        (["1793000000"], ["epoch"], "are taken for epoch"),
    ],
)
def test_the_order_of_day_and_month_is_what_all_dates_allow(
    words: list[str], found: list[str], doubt: str | None
) -> None:
    chosen, unsure = formats(words)

    assert chosen == found
    assert (unsure is None) == (doubt is None)
    assert doubt is None or doubt in (unsure or "")


@pytest.mark.parametrize(
    ("word", "stage"),
    [("Sin contactar", "new"), ("Not converted", "lost"), ("Closed won", "won"), ("No cualificado", "lost"),
     ("En negociación", "negotiation"), ("MQL", "qualified"), ("Attempted to contact", "contacted"), ("???", None)],
)  # fmt: skip
def test_words_of_stages_in_both_languages(word: str, stage: str | None) -> None:
    assert looked_up(word, STAGES) == stage


@pytest.mark.parametrize(
    ("word", "channel"),
    [("WhatsApp Business", "chat"), ("Redes sociales", "social"), ("Trade show / Feria", "store"),
     ("Cold call", "phone"), ("Organic Search", "web"), ("Otro", None)],
)  # fmt: skip
def test_words_of_sources_in_both_languages(word: str, channel: str | None) -> None:
    assert looked_up(word, CHANNELS) == channel


cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["ines@example.com", "Inés Mar", "600111222", "02/09/2026", "Ganado", "email", "name", "estado", "1.500"]
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.lists(cells, min_size=3, max_size=3), min_size=2, max_size=6))
def test_whatever_a_table_holds_what_is_proposed_is_a_mapping(rows: list[list[str]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["name", *rows[0][1:]], *rows[1:]])
        try:
            proposal = propose(path)
        except Refused:
            return
        assert parse_mapping(proposal.text).leads is not None


def test_a_sample_says_what_stands_in_a_column() -> None:
    assert Sample(("a", "b"), (("1", ""), ("2", "x")), ",", None, ()).column(1) == ["x"]


def test_a_header_is_only_taken_for_what_a_mapping_can_say() -> None:
    apart = {"first_name": "name", "last_name": "name", "source": "origin", "activity": "last_activity"}

    assert {apart.get(part, part) for part in vocabulary.PARTS} <= set(Leads.model_fields)
