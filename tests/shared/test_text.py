"""Text is kept as people see it."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text import clean, cut, line, shows, slug

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "\u200b\u200c\u200d\u202e\u2066\ufeff\u00ad\ufe0f\u0301\u0316\u2800\r\n\t\x00\x7f\x85🌵💻مخ"
        ),
        st.integers(0xD800, 0xDFFF).map(chr),
    )
)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Ana \u00a0 Torres ", "Ana Torres"),
        ("Jose\u0301", "José"),
        ("line\r\nEND:VEVENT\r\nBEGIN:VEVENT", "line END:VEVENT BEGIN:VEVENT"),
        ("\u202emoc.live\u202c tail", "moc.live tail"),
        ("A\u200dn\u200bna\ufeff\u00ad", "Anna"),
        ("Pat\ud83d", "Pat"),
        ("نور الهدى", "نور الهدى"),
        ("می\u200cخواهم", "می\u200cخواهم"),  # noqa: RUF001
        ("👩🏽\u200d💻 ❤\ufe0f", "👩🏽\u200d💻 ❤\ufe0f"),
        ("\u200b \u2800\ufe0f", ""),
    ],
)
def test_a_line_is_what_one_sees(given: str, kept: str) -> None:
    assert line(given) == kept


def test_a_text_keeps_its_lines() -> None:
    assert clean(" one\r\ntwo\u2028three\x00\n ") == "one\ntwo\nthree"


@given(HOSTILE)
def test_tidied_text_is_composed_hides_nothing_and_stays_as_it_is(text: str) -> None:
    for tidy in (clean, line):
        kept = tidy(text)
        assert tidy(kept) == kept
        assert unicodedata.is_normalized("NFC", kept)
        kept.encode()
        hidden = {sign for sign in kept if unicodedata.category(sign) in ("Cc", "Cs")} - {"\n", "\t"}
        assert not hidden
        assert {sign for sign in kept if unicodedata.bidirectional(sign) in BIDIRECTIONAL} == set()
    assert "\n" not in line(text)


BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    "nothing", ["", " ", "\u200b", "\u2800", "\ufe0f", "\u0301", "\u3164", "\u202e\u2069", "\x00"]
)
def test_what_shows_nothing_is_nothing(nothing: str) -> None:
    assert not shows(nothing)


def test_a_long_name_is_cut_between_its_letters() -> None:
    assert cut("a" * 10, 4) == "aaaa"
    assert cut("aaae\u0323\u0301", 5) == "aaa"
    assert cut("aa👩\u200d💻", 4) == "aa"


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("autumn", "autumn"),
        ("fair_madrid.2", "fair_madrid.2"),
        ("Otoño 2026 | ES", "otono_2026_es"),
        ("23850000000000123", "n_23850000000000123"),
        ("Black Friday \u2013 2x1!", "black_friday_2x1"),
        ("Straße", "strasse"),
        ("\u200b", None),
    ],
)
def test_words_become_a_slug(given: str, made: str | None) -> None:
    assert slug(given) == made


@given(HOSTILE, HOSTILE)
def test_every_name_becomes_a_slug_and_two_names_of_lost_letters_stay_two(one: str, other: str) -> None:
    made = slug(one)
    assert made is None or re.fullmatch(r"[a-z][a-z0-9_.-]{0,63}", made)
    assert slug("Осень") != slug("Весна")
    assert slug("x" * 64 + "1") != slug("x" * 64 + "2")
    if made is not None:
        assert slug(made) == made
