"""What a ticket keeps of its promises: those that ended, what was told of those that run, and old history in sum."""

from __future__ import annotations

from dataclasses import dataclass

from services.tickets.domain.sla.clocks import Course
from shared.events.base import Instant
from shared.events.tickets import SlaClock


@dataclass(frozen=True, slots=True)
class Passed:
    """Open time of a clock up to an instant under a policy, and when its target was reached in it."""

    policy: str
    until: Instant
    ms: int
    due: Instant | None = None


@dataclass(frozen=True, slots=True)
class Seal:
    """What the moments come to that have left for the archive.

    Of the resolution it is a sum, under every policy that might decide on it; of a response that is awaited, how the
    ticket has stood since.
    """

    course: Course
    passed: tuple[Passed, ...] = ()

    def passed_by(self, clock: SlaClock, policy: str) -> Passed | None:
        if clock is not SlaClock.RESOLUTION:
            return None
        return next((each for each in self.passed if each.policy == policy), None)


@dataclass(frozen=True, slots=True)
class Promise:
    """A clock that runs, or is paused."""

    clock: SlaClock
    number: int
    started_at: Instant
    due_at: Instant | None
    policy: str
    paused: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a clock under the policies of then. It stays so, unless somebody wants it reckoned anew."""

    clock: SlaClock
    number: int
    started_at: Instant
    due_at: Instant | None
    met: bool | None
    met_at: Instant
    business_ms: int
    policy: str
    policies: str


@dataclass(frozen=True, slots=True)
class Sla:
    policies: str = ""
    """The version by which `promises` are reckoned."""
    promises: tuple[Promise, ...] = ()
    ended: tuple[Ended, ...] = ()
    """The latest; `earlier` is how many there were before them, which are in the archive."""
    earlier: int = 0
    frozen: int = 0
    """The moment, from 1, up to which what ended is not reckoned again."""
    told: tuple[str, ...] = ()
    """Alarms that were told, of clocks that may still run."""
    is_quiet: bool = False
    """Whether nobody is alarmed: the last that happened to the ticket was told long afterwards."""
    seal: Seal | None = None
