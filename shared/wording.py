"""What is wrong with a request, in words that a person understands: no regular expression, no value quoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

PATTERNS: Final[Mapping[str, str]] = {
    r"^[A-Za-z0-9_-]{1,64}$": "an id: 1 to 64 letters, digits, - and _, and nobody's name or address",
    r"^[A-Za-z0-9_.-]{1,80}$": "an id: 1 to 80 letters, digits, and the signs _ . -",
    r"^[A-Za-z0-9_.:-]{1,64}$": "an id: 1 to 64 letters, digits, and the signs _ . : -",
    r"^[a-z][a-z0-9_.-]{0,63}$": "a short word such as no_budget: lower-case letters, digits, and the signs _ . -, "
    "a letter first, 64 in all",
    r"^[a-z][a-z0-9_/.-]{0,63}$": "a short word such as pricing: lower-case letters, digits, and the signs _ / . -, "
    "a letter first, 64 in all",
    r"^[a-z][a-z0-9_]{0,39}$": "a name such as page_viewed: lower-case letters, digits and _, a letter first, "
    "40 in all",
    r"^[a-z][a-z0-9_]{0,31}$": "a name such as budget: lower-case letters, digits and _, a letter first, 32 in all",
    r"^[A-Za-z][A-Za-z0-9_+/-]{0,63}$": "a time zone such as Europe/Madrid",
    "^[A-Z]{3}$": "a currency by its three capital letters, such as EUR",
    r"^[!-~]{1,132}$": "a key: 1 to 132 letters, digits and signs of ASCII, without spaces",
    r"^[\x21-\x7e]+$": "a key: letters, digits and signs of ASCII, without spaces",
    "^[0-9a-f]{64}$": "an id as this API gave it: 64 digits and letters a to f",
    r"^[0-9a-f]{32}$": "a digest: 32 digits and letters a to f",
    r"^[^@\s]+@[^@\s]+\.[^@\s]+$": "an e-mail address",
    r"^\+?[0-9 ()./-]{5,30}$": "a phone number",
    "^[0-9a-z:]{1,80}$": "a version as this API gave it",
    r"^https://[!-~]{1,1000}$": "an address that begins with https://",
    r"^[0-9a-f]{12,64}$": "a version as this API gave it: digits and letters a to f",
}
"""What each pattern of a request asks for."""

_WORDS: Final[Mapping[str, str]] = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "an object, such as {…}",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "int_type": "a whole number",
    "list_type": "a list, such as […]",
    "model_attributes_type": "an object, such as {…}",
    "model_type": "an object, such as {…}",
    "string_type": "text",
    "string_unicode": "text without halves of signs",
    "tuple_type": "a list, such as […]",
}
_SAID: Final[Mapping[str, str]] = {
    "extra_forbidden": "there is no such field; it may be misspelt",
    "json_invalid": "this is not JSON",
    "missing": "this is missing",
}
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than": ("gt", "a number above {}"),
    "greater_than_equal": ("ge", "{} or more"),
    "less_than": ("lt", "a number below {}"),
    "less_than_equal": ("le", "{} or less"),
    "string_too_long": ("max_length", "at most {} characters"),
    "string_too_short": ("min_length", "at least {} characters"),
    "too_long": ("max_length", "at most {} of them"),
    "too_short": ("min_length", "at least {} of them"),
}
_TIMES: Final = "a time with its zone, such as 2026-11-21T09:30:00Z"


def in_words(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors (`ValidationError.errors()`) as a sentence, made of the schema alone."""
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in _SAID:
        return _SAID[kind]
    if kind == "value_error":  # a sentence of ours
        return str(error["msg"]).removeprefix("Value error, ")
    return f"write {_wanted(kind, context)}"


def _wanted(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "string_pattern_mismatch":
        return PATTERNS.get(str(context["pattern"]), "it in another form")
    if kind in ("enum", "literal_error", "union_tag_invalid", "union_tag_not_found"):
        wanted = context.get("expected") or context.get("expected_tags")
        return f"one of {wanted}".replace(" or ", ", ").replace("'", "") if wanted else "which it is"
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        bound = context[name]
        return "something" if (kind, bound) == ("string_too_short", 1) else words.format(_number(bound))
    if kind.startswith(("datetime", "timezone", "date_")):
        return _TIMES
    return _WORDS.get(kind, "it in another form")


def _number(bound: object) -> str:
    return f"{bound:,}" if isinstance(bound, int) else str(bound)
