"""The garbage collector of a worker's process. The worker owns it: partitions tell what they do, and switch nothing.

What comes and goes is freed by its references, and what stays are leads: only the youngest objects are looked at, few
at a time, and all of them when partitions change hands (ADR 0022). While a partition catches up there is hardly any
garbage, and none is looked for.
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (2_000, 1_000_000, 1_000_000)


def set_up() -> None:
    """Before the worker starts."""
    gc.set_threshold(*THRESHOLDS)


class Collector:
    """The one who switches it, for all partitions of a worker."""

    def __init__(self) -> None:
        self._behind: set[int] = set()

    def works(self, partition: int, is_behind: bool) -> None:
        """A partition tells whether it is catching up."""
        (self._behind.add if is_behind else self._behind.discard)(partition)
        (gc.disable if self._behind else gc.enable)()

    def gone(self, partition: int) -> None:
        """A partition is let go of."""
        self.works(partition, is_behind=False)

    def look_at_all(self) -> None:
        """Free what former partitions left, and look no more at what there is now."""
        gc.unfreeze()
        gc.collect()
        gc.freeze()
