"""Text as people send it, and as it is kept: composed (NFC), without signs that nobody sees or that turn lines round.

What goes: control signs, halves of surrogate pairs, and what Unicode calls default-ignorable (zero-width signs,
direction marks, fillers, tags). What stays of these: joiners where they change how a word or an emoji is written
(Persian, the scripts of India, families of emoji), and the variation selectors behind a sign that is seen.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

_UNSEEN: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Default_Ignorable_Code_Point (Unicode 16, DerivedCoreProperties) but for joiners and variation selectors, and the
marks of interlinear annotation."""
_JOINED: Final = "\u0600-\u0dff\u1000-\u109f\u1780-\u17ff\u1800-\u18af"
"""Scripts whose letters joiners shape: Arabic to Sinhala, Myanmar, Khmer, Mongolian."""
_PICTURES: Final = "\u2190-\u2bff\ufe0f\U0001f000-\U0001faff"

_GONE: Final = re.compile(
    f"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff{_UNSEEN}]"
    f"|\u200c(?!(?<=[{_JOINED}]\u200c)[{_JOINED}])"
    f"|\u200d(?!(?<=[{_JOINED}]\u200d)[{_JOINED}]|(?<=[{_PICTURES}]\u200d)[{_PICTURES}])"
)
_LOOSE_SELECTOR: Final = re.compile("(?:^|(?<=[\\s\u2800]))[\ufe00-\ufe0f]+")
_MARKS: Final = 32
_BREAKS: Final = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES: Final = re.compile(r"[\s\u2800]+")
_UNSLUGGED: Final = re.compile(r"[^a-z0-9.-]+")
_SLUG: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


_HIDDEN: Final = r"\s\u0000-\u0020\u007f-\u00a0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\ufeff"
NOTHING: Final = f"^[{_HIDDEN}]*$"
"""What shows nothing, as a JSON schema says it."""
SOMETHING: Final = f"[^{_HIDDEN}]"


def clean(text: str) -> str:
    """What somebody wrote, in lines: NFC, unseen signs gone, ends stripped. Cleaning it again changes nothing."""
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _BREAKS.sub("\n", text)
    while (gone := _LOOSE_SELECTOR.sub("", _GONE.sub("", text))) != text:
        text = gone
    return unicodedata.normalize("NFC", _few_marks(text)).strip(" \t\n\u00a0\u2800\u3000")


def line(text: str) -> str:
    """The same in one line, each run of white space a single space."""
    return _SPACES.sub(" ", clean(text)).strip()


def shows(text: str) -> bool:
    """Whether there is anything to see: a letter, a digit, a sign; not only spaces and marks."""
    head = text[:1]
    return (head.isascii() and head.isalnum()) or any(
        unicodedata.category(sign)[0] in "LNPSC" for sign in line(text)
    )


def cut(text: str, length: int) -> str:
    """The beginning, `length` characters at most; no letter loses its accents, no emoji its other half."""
    if len(text) <= length:
        return text
    while length and (unicodedata.combining(text[length]) or _tied(text, length)):
        length -= 1
    return text[:length].rstrip()


def slug(text: str) -> str | None:
    """Words as a word of a vocabulary: `Otoño 2026 | ES` is `otono_2026_es`; a slug is itself. None if nothing is left.

    What does not begin with a letter gets `n_` before it. Where letters are lost, other scripts' or those over 64, a
    digest follows, so that two names stay two.
    """
    text = line(text)
    if _SLUG.fullmatch(text):
        return text
    if not shows(text):
        return None
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    lost = any(not sign.isascii() and unicodedata.category(sign)[0] in "LN" for sign in plain)
    made = _UNSLUGGED.sub("_", plain).strip("_.-")
    made = made if made[:1].isalpha() else f"n_{made}".rstrip("_")
    if lost or len(made) > 64 or made == "n":
        digest = hashlib.sha256(text.casefold().encode()).hexdigest()[:8]
        made = f"{made[:55].rstrip('_.-')}_{digest}"
    return made


def _few_marks(text: str) -> str:
    """Sorting the marks upon one letter takes the square of their number; nobody writes more than a few."""
    if len(text) <= _MARKS:
        return text
    kept, run = [], 0
    for sign in text:
        run = run + 1 if unicodedata.combining(sign) else 0
        if run <= _MARKS:
            kept.append(sign)
    return "".join(kept)


def _tied(text: str, at: int) -> bool:
    """Whether what stands at `at` belongs to what stands before it."""
    tying = "\u200c\u200d\ufe0e\ufe0f"
    return text[at] in tying or text[at - 1] == "\u200d" or "\U0001f3fb" <= text[at] <= "\U0001f3ff"
