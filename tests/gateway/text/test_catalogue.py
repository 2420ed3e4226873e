"""What the pages say, in two languages."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from services.gateway.boards.registry import BOARDS
from services.gateway.quick_log import Language
from services.gateway.text import catalogue
from shared.events.followup import ActivityKind, ActivityResult, Direction, Objection
from shared.events.leads import Channel, Stage

EVERYTHING = (catalogue.COMMON, *(board.page.words for board in BOARDS))


def test_both_languages_say_everything_with_the_same_values() -> None:
    for key, said in (entry for words in EVERYTHING for entry in words.items()):
        places = [sorted(re.findall(r"{\w+}", words)) for words in said]
        assert all(said), key
        assert places[0] == places[1], key


def test_nothing_is_said_in_two_places() -> None:
    keys = Counter(key for words in EVERYTHING for key in words)

    assert not [key for key, count in keys.items() if count > 1]


def test_every_board_says_what_it_is_called() -> None:
    assert all(f"nav_{board.page.name}" in board.page.words for board in BOARDS)


@pytest.mark.parametrize("vocabulary", [ActivityKind, ActivityResult, Direction, Objection, Channel, Stage])
def test_every_word_of_sales_is_said_in_both_languages(vocabulary: type[ActivityKind]) -> None:
    known = {key for words in EVERYTHING for key in words}

    assert not [word for word in vocabulary if not {word.value, f"direction_{word.value}"} & known]


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [
        ("es", "en", Language.ES),
        (None, "es-ES,es;q=0.9,en;q=0.8", Language.ES),
        (None, "de, en;q=0.5, es;q=0.7", Language.ES),
        (None, "de", Language.EN),
        ("xx", "", Language.EN),
        (None, "es;q=x, en", Language.EN),
    ],
)
def test_the_language_is_the_one_asked_for_or_the_first_we_have(
    asked: str | None, accepted: str, language: Language
) -> None:
    assert catalogue.language_of(asked, accepted) is language
