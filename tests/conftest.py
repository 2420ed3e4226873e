"""One broker and one store for the whole run; tests keep apart by topic prefix and database name."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings

from cli.addresses import (
    Addresses as SystemAddresses,
)
from cli.environment import Environment
from cli.operator_key import operator_key
from cli.system import (
    Started,
    started,
)
from shared.bus.brokers import Brokers
from shared.bus.cluster import Cluster
from shared.bus.topics import Topics
from shared.embedded.home import free_port
from shared.mongo import Mongo
from tests.names import drawn
from tests.servers import Addresses, Shared, containers, embedded

# The same examples on every machine, and none fails because the machine is busy.
settings.register_profile(
    "ascua", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ascua")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--servers",
        choices=["embedded", "containers"],
        default="embedded",
        help="where Kafka and the store run: as children of the test run, or in containers",
    )


SHARED = pytest.StashKey[Shared]()


def pytest_configure_node(node: Any) -> None:
    """Tell each of those that run tests side by side where the servers of this run are."""
    if SHARED not in node.config.stash:
        node.config.stash[SHARED] = Shared(node.config.getoption("--servers"))
    node.workerinput["servers"] = node.config.stash[SHARED].addresses


def pytest_unconfigure(config: pytest.Config) -> None:
    if (shared := config.stash.get(SHARED, None)) is not None:
        shared.stop()


@pytest.fixture(scope="session")
async def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Addresses]:
    """Kafka and the store of this run."""
    if (given := getattr(request.config, "workerinput", {}).get("servers")) is not None:
        kafka, mongo_url = given
        yield Addresses(Brokers(**kafka), mongo_url)
    elif request.config.getoption("--servers") == "containers":
        async with containers() as addresses:
            yield addresses
    else:
        async with embedded(tmp_path_factory.mktemp("servers")) as addresses:
            yield addresses


@pytest.fixture
async def topics(servers: Addresses) -> Topics:
    """All topics, under a prefix of this test's own."""
    topics = Topics(servers.kafka, drawn())
    await Cluster(topics).apply()
    return topics


@pytest.fixture
async def mongo(servers: Addresses) -> AsyncIterator[Mongo]:
    """A database of this test's own. Start it after declaring collections, or use it as it is."""
    mongo = Mongo(servers.mongo_url, drawn())
    yield mongo
    await mongo.stop()


@dataclass(frozen=True, slots=True)
class System:
    """A running Ascua, all five services, and an operator's key to it."""

    gateway: str
    key: str
    addresses: SystemAddresses
    started: Started
    home: Path

    def client(self) -> httpx.AsyncClient:
        """A client of the gateway that has the key."""
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.AsyncClient(base_url=self.gateway, headers=headers, timeout=30)

    async def code(self, name: str = "operator") -> str:
        """What opens the pages once for the holder of a key: `/enter?key=`."""
        async with self.client() as client:
            made = await client.post(f"/v1/keys/{name}/link")
            return str(made.json()["url"].partition("?key=")[2])

    def environment(self) -> dict[str, str]:
        """The environment in which `ascua` finds this system."""
        return {**os.environ, "ASCUA_HOME": str(self.home)}


@pytest.fixture(scope="session")
async def system(servers: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The whole system on this run's servers, started once, for tests that look at it from outside."""
    home = tmp_path_factory.mktemp("system")
    name = drawn("system")
    given: dict[str, Any] = {
        "home": home,
        **servers.settings(),
        "topic_prefix": name,
        "database_prefix": name,
    }
    async with started(home, Environment(**given), free_port()) as own:
        yield System(own.addresses.gateway, operator_key(home), own.addresses, own, home)
