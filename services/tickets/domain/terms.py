"""What holds for all tickets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a resolved ticket can be reopened, and after how long it is closed."""

    reopen_within: timedelta = timedelta(days=14)
    close_after: timedelta = timedelta(days=7)
