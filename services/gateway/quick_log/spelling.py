"""Names of days and months that are misspelt by one letter, and which one was meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from services.gateway.quick_log.tokens import Shape, Token

SHORTEST: Final = 6
"""Letters: of shorter words too many others are one letter away."""
OTHER_WORDS: Final = frozenset(
    ("agoto", "angosto", "augusta", "augusto", "jueces", "julian", "mananas", "manzana", "manzanas", "marcos", "marte",
     "moneda", "partes", "sabido", "salado", "semanal", "sundry", "vienes")
)  # fmt: skip


class Spelling:
    """Finds the one word of a few that differs from another by a letter: missing, surplus, wrong, or swapped."""

    def __init__(self, words: Mapping[str, object]) -> None:
        """`words` with what each means: two that mean the same are one."""
        self._words = {
            word: sense for word, sense in words.items() if len(word) >= SHORTEST and word.isalpha()
        }
        self._cut: dict[str, set[str]] = {}
        for word in self._words:
            for cut in (word, *_without_a_letter(word)):
                self._cut.setdefault(cut, set()).add(word)

    def meant(self, tokens: Sequence[Token], known: frozenset[str]) -> Mapping[int, str]:
        """By token, the word that was meant, where there is but one. Words that are `known` are what they are."""
        is_loud = all(token.is_capital for token in tokens if token.shape is Shape.WORD)
        return {
            place: word
            for place, token in enumerate(tokens)
            if token.shape is Shape.WORD
            and SHORTEST - 1 <= len(token.text) <= 12
            and token.text not in known
            and (is_loud or place == 0 or not token.is_capital)
            and (word := self._meant(token.text)) is not None
        }

    def _meant(self, text: str) -> str | None:
        if text in OTHER_WORDS:
            return None
        near = {
            word
            for cut in (text, *_without_a_letter(text))
            for word in self._cut.get(cut, ())
            if word[0] == text[0] and _is_near(text, word)
        }
        return min(near) if len({self._words[word] for word in near}) == 1 else None


def _without_a_letter(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at in range(len(word))]


def _is_near(text: str, word: str) -> bool:
    """One letter apart: the rest before and behind it is the same."""
    at = next(
        (i for i, (a, b) in enumerate(zip(text, word, strict=False)) if a != b), min(len(text), len(word))
    )
    left, right = text[at:], word[at:]
    is_swapped = left[:2] == right[:2][::-1] and left[2:] == right[2:]
    return left[1:] == right[1:] or left[1:] == right or left == right[1:] or is_swapped
