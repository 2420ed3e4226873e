"""What an installation is made of: its services and where each listens, and who consumes which topic.

Everything that goes through all services or all consumers asks here. Topics stand in `shared.bus.topics`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PORTS: Final = {"gateway": 8000, "leads": 8001, "followup": 8002, "tickets": 8003, "scoring": 8004}
"""Service → the port at which it listens when nothing else is said."""

SERVICES: Final = ("leads", "followup", "tickets", "scoring", "gateway")
"""In the order in which they are told."""

INNER: Final = tuple(name for name in SERVICES if name != "gateway")
"""Those behind the gateway."""


def url(service: str) -> str:
    """Where a service is on this machine when nothing else is said."""
    return f"http://127.0.0.1:{PORTS[service]}"


@dataclass(frozen=True, slots=True)
class ConsumerGroup:
    """Members share the partitions of `topics`; both are short names, without the installation's prefix.

    What is replayed for the group comes to it besides. `gather` is how many seconds lie between two batches: the first
    fact after a rest is handled at once, and those that follow it closely come together, which costs them and the
    broker much less.
    """

    name: str
    service: str
    topics: tuple[str, ...]
    gather: float = 0.025


FOLDED: Final = ("leads", "followup", "tickets", "signals")
"""The topics whose facts make heat."""

LEADS: Final = ConsumerGroup("leads", "leads", ("leads",))
FOLLOWUP: Final = ConsumerGroup("followup", "followup", ("leads", "tickets", "signals"), gather=0.05)
SCORING: Final = ConsumerGroup("scoring", "scoring", FOLDED)
LEDGER: Final = ConsumerGroup("scoring-ledger", "scoring", (*FOLDED, "scoring"), gather=0.05)
VIEWS: Final = ConsumerGroup("gateway", "gateway", ("leads", "followup", "tickets", "heat"), gather=0.05)
TRAILS: Final = ConsumerGroup("gateway-trails", "gateway", ("leads", "followup", "scoring"), gather=0.05)
"""Apart from the views, so that either can be built anew without the other."""

CONSUMERS: Final = (LEADS, FOLLOWUP, SCORING, LEDGER, VIEWS, TRAILS)
