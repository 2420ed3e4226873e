"""Where a system is: told by the one that runs on the home, or by the environment."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from cli.environment import Environment
from shared.bus.brokers import Brokers
from shared.installation import INNER

if TYPE_CHECKING:  # most commands need no broker
    from shared.bus.topics import Topics


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a system is. `pid` is the process that supervises it; None when it was given by address."""

    gateway: str
    leads: str
    followup: str
    tickets: str
    scoring: str
    kafka: Brokers
    mongo_url: str
    topic_prefix: str
    database_prefix: str
    pid: int | None = None
    inner_secret: str | None = field(default=None, repr=False)

    def url(self, service: str) -> str:
        return str(getattr(self, service))

    @property
    def topics(self) -> Topics:
        return _topics(self.kafka, self.topic_prefix)

    def settings(self) -> dict[str, str]:
        """The environment from which any of the services finds the others and the servers."""
        return {
            **self.kafka.environment(),
            "ASCUA_MONGO_URL": self.mongo_url,
            "ASCUA_TOPIC_PREFIX": self.topic_prefix,
            "ASCUA_DATABASE_PREFIX": self.database_prefix,
            **{f"ASCUA_{name.upper()}_URL": self.url(name) for name in INNER},
            **({} if self.inner_secret is None else {"ASCUA_INNER_SECRET": self.inner_secret}),
        }


@dataclass(frozen=True, slots=True)
class ServerAddresses:
    kafka: Brokers
    mongo_url: str
    topic_prefix: str
    database_prefix: str

    @property
    def topics(self) -> Topics:
        return _topics(self.kafka, self.topic_prefix)


async def running(home: Path, given: Environment) -> Addresses | None:
    """The system that runs on `home` and answers, unless the environment names other servers."""
    found = told_system(home)
    if found is None or not is_meant(found, given):
        return None
    async with httpx.AsyncClient(timeout=3) as client:
        try:
            return found if (await client.get(f"{found.gateway}/healthz")).is_success else None
        except httpx.TransportError:
            return None


def _topics(brokers: Brokers, prefix: str) -> Topics:
    from shared.bus.topics import Topics

    return Topics(brokers, prefix)


def given_system(given: Environment) -> Addresses | None:
    """The system whose gateway and servers the environment names."""
    if given.gateway_url is None:
        return None
    return Addresses(
        gateway=given.gateway_url.rstrip("/"),
        leads=given.leads_url,
        followup=given.followup_url,
        tickets=given.tickets_url,
        scoring=given.scoring_url,
        kafka=given.brokers or Brokers(""),
        mongo_url=given.mongo_url or "",
        topic_prefix=given.topic_prefix,
        database_prefix=given.database_prefix,
        inner_secret=given.inner_secret.get_secret_value() if given.inner_secret else None,
    )


def told_system(home: Path) -> Addresses | None:
    """What addresses.json tells, if whoever wrote it is alive."""
    try:
        told = json.loads((home / "addresses.json").read_bytes())
        addresses = Addresses(**{**told, "kafka": Brokers(**told["kafka"])})
        os.kill(addresses.pid or 0, 0)
    except PermissionError:
        return addresses  # alive, and somebody else's
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return addresses


def is_meant(addresses: Addresses, given: Environment) -> bool:
    return (
        given.kafka_bootstrap in (None, addresses.kafka.bootstrap)
        and given.mongo_url in (None, addresses.mongo_url)
    )  # fmt: skip
