"""The errors Ascua raises on purpose.

    AscuaError
    ├── NotFound      the thing asked for does not exist                        404
    ├── Conflict      somebody else changed it first, or it contradicts          409
    ├── Refused       understood, and not allowed by a rule or a check           422
    │   ├── Undecodable   bytes that are not an event this version knows         422
    │   └── Forbidden     the key is missing, wrong, or may not do this    401 / 403
    └── Unavailable   a server or a service cannot be reached now; try again     503

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


class Forbidden(Refused):
    pass


class Unavailable(AscuaError):
    pass
