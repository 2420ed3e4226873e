"""Who may do what: roles, and the scopes that routes ask for. Every rep reads every lead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

PERSON = r"[A-Za-z0-9_-]{1,64}"
"""How people who work with leads are named in facts."""


class Role(StrEnum):
    CHANNEL = "channel"
    REP = "rep"
    OPERATOR = "operator"


class Scope(StrEnum):
    CAPTURE = "capture"
    WORK = "work"
    READ = "read"
    OPERATE = "operate"


SCOPES = {
    Role.CHANNEL: {Scope.CAPTURE},
    Role.REP: {Scope.CAPTURE, Scope.WORK, Scope.READ},
    Role.OPERATOR: set(Scope),
}


@dataclass(frozen=True, slots=True)
class Holder:
    """Who came through the door."""

    name: str
    role: Role
    key: str = ""
    """The id of the key."""

    @property
    def rep(self) -> str | None:
        """The rep a rep's key is named for: `ascua keys create marta --role rep`."""
        return self.name if self.role is Role.REP and re.fullmatch(PERSON, self.name) else None
