"""The errors Ascua raises on purpose.

    AscuaError
    ├── NotFound      the thing asked for does not exist                        404
    ├── Conflict      somebody else changed it first, or it contradicts          409
    ├── Refused       understood, and not allowed by a rule or a check           422
    │   ├── Undecodable   bytes that are not an event this version knows         422
    │   ├── Misused       a setting or an argument that cannot work
    │   └── Forbidden     the key may not do this                                403
    │       └── Unknown   the key or session is missing, wrong or over           401
    ├── TooMany       more than one key or address may ask for; try again later  429
    └── Unavailable   a server or a service cannot be reached now; try again     503

A program that ends by one exits with 69 for `Unavailable`, 2 for `Misused`, and 1 for the others.

`slug` names the case for programs, `sentence` tells a person what is wrong and what to do. HTTP maps the tree in
one table (`shared.web`); the bus retries `Unavailable` and `Conflict` and puts the rest aside as dead letters.
"""

from __future__ import annotations


class AscuaError(Exception):
    def __init__(self, slug: str, sentence: str) -> None:
        super().__init__(slug, sentence)
        self.slug = slug
        self.sentence = sentence

    def __str__(self) -> str:
        return self.sentence


class NotFound(AscuaError):
    pass


class Conflict(AscuaError):
    pass


class Refused(AscuaError):
    pass


class Undecodable(Refused):
    pass


class Misused(Refused):
    pass


class Forbidden(Refused):
    pass


class Unknown(Forbidden):
    """Nobody knows who asks."""


class TooMany(AscuaError):
    """`seconds` is after how long it makes sense to try again."""

    def __init__(self, slug: str, sentence: str, seconds: float) -> None:
        super().__init__(slug, sentence)
        self.seconds = seconds


class Unavailable(AscuaError):
    pass


def exit_code(error: AscuaError) -> int:
    """What a program that ends by this error exits with (sysexits' EX_UNAVAILABLE is 69)."""
    if isinstance(error, Unavailable):
        return 69
    return 2 if isinstance(error, Misused) else 1
