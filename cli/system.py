"""The system that commands talk to: the one that runs on the home, the one given by address, or one of our own.

    async with system(home) as addresses:   # gateway, four services, Kafka and the store
    async with servers(home) as addresses:  # Kafka and the store only

A running system tells its addresses in `<home>/addresses.json`; the operator's key is in `<home>/keys/operator`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from cli.addresses import (
    Addresses,
    ServerAddresses,
    given_system,
    is_meant,
    running,
    told_system,
)
from cli.answer import tell, tell_events
from cli.environment import Environment, environment
from cli.operator_key import inner_secret, key_header, make_operator_key, operator_key
from shared.errors import AscuaError, Refused, Unavailable
from shared.installation import INNER, SERVICES
from shared.private_files import write_private

if TYPE_CHECKING:  # what starts servers is imported by what does: most commands find a running system
    from shared.embedded import Servers, Supervisor

ON_OUR_BROKER = {"ASCUA_SESSION_SECONDS": "3"}
"""A killed worker of scoring is missed after so long; a broker with Kafka's own settings allows six seconds or more."""


@dataclass(frozen=True, slots=True)
class Started:
    """A system of our own, and the supervisors that keep it alive."""

    addresses: Addresses
    servers: Servers
    services: Mapping[str, Supervisor]

    async def wait(self) -> None:
        """Wait until a server cannot be kept alive, or none of the services, and raise why. Never returns otherwise.

        A service that is given up alone does not take the others along; `ascua doctor` says why it was.
        """
        servers = asyncio.ensure_future(self.servers.wait())
        services = asyncio.ensure_future(
            asyncio.wait([asyncio.ensure_future(each.wait()) for each in self.services.values()])
        )
        try:
            await asyncio.wait([servers, services], return_when=asyncio.FIRST_COMPLETED)
            if servers.done():
                servers.result()
            raise Unavailable("services-given-up", "every service is given up; their logs say why")
        finally:
            servers.cancel()
            services.cancel()


@asynccontextmanager
async def system(home: Path | None = None) -> AsyncIterator[Addresses]:
    """A whole system for the length of a block; it is started when none runs on `home` and none is given.

    Without `home` it is that of ASCUA_HOME. Raises Refused or Unavailable with what to do.
    """
    given = environment()
    home = (home or given.home).absolute()
    if (found := given_system(given) or await running(home, given)) is not None:
        yield found
        return
    tell(f"no system runs on {home}: starting one for this command")
    tell_events()
    from shared.embedded.home import free_port

    async with started(home, given, free_port()) as own:
        yield own.addresses


async def ask(
    method: str,
    path: str,
    params: Mapping[str, str] | None = None,
    body: Mapping[str, Any] | None = None,
    within: float = 30,
) -> dict[str, Any]:
    """What the system's gateway answers to its operator. Raises its problem as `Refused`, or `Unavailable`."""
    async with system() as addresses, httpx.AsyncClient(timeout=within) as client:
        try:
            response = await client.request(
                method,
                f"{addresses.gateway}/v1/{path}",
                params=params,
                json=body,
                headers={"Authorization": f"Bearer {operator_key()}"},
            )
        except httpx.TransportError as error:
            raise Unavailable(
                "gateway-unreachable",
                f"the gateway at {addresses.gateway} does not answer; try `ascua doctor`",
            ) from error
    if response.is_success:
        found: dict[str, Any] = response.json()
        return found
    try:
        sentence = str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        sentence = f"{addresses.gateway} answered {response.status_code}, and not as a gateway does"
    raise (Unavailable if response.status_code in (502, 503, 504) else Refused)("gateway", sentence)


@asynccontextmanager
async def servers(home: Path | None = None) -> AsyncIterator[ServerAddresses]:
    """Kafka and the store for the length of a block; those that are neither given nor running are started."""
    from shared.embedded import Servers
    from shared.embedded import running as servers_of

    given = environment()
    home = (home or given.home).absolute()
    kafka, mongo = given.brokers, given.mongo_url
    topic_prefix, database_prefix = given.topic_prefix, given.database_prefix
    if (found := told_system(home)) is not None and is_meant(found, given):
        kafka, mongo = found.kafka, found.mongo_url
        topic_prefix, database_prefix = found.topic_prefix, found.database_prefix
    elif (up := servers_of(home)) is not None:
        kafka, mongo = kafka or up.kafka, mongo or up.mongo_url
    tell_events()
    own = Servers(home, kafka=kafka, mongo_url=mongo, store_binary=given.store_binary)
    async with own:
        yield ServerAddresses(own.kafka, own.mongo_url, topic_prefix, database_prefix)


@asynccontextmanager
async def started(home: Path, given: Environment, port: int) -> AsyncIterator[Started]:
    """All of Ascua as children of this process; the gateway listens on `port`. Told in addresses.json when ready."""
    from shared.bus.cluster import Cluster
    from shared.embedded import Servers, Supervisor
    from shared.embedded.home import make_private

    if (other := await running(home, given)) is not None:
        raise Unavailable(
            "already-running",
            f"An Ascua runs on {home} already (process {other.pid}, {other.gateway}). "
            "Stop it, or choose another directory with ASCUA_HOME.",
        )
    _must_be_free(given.host, port)
    make_private(home)
    async with AsyncExitStack() as stack:
        own = Servers(home, kafka=given.brokers, mongo_url=given.mongo_url, store_binary=given.store_binary)
        stack.push_async_callback(own.stop, within=3)
        await own.start()
        addresses = replace(_of_our_own(own, given, port), inner_secret=inner_secret(home, given))
        await asyncio.gather(
            Cluster(addresses.topics).apply(), make_operator_key(home, own.mongo_url, given.database_prefix)
        )
        # One for all looks: a client reads the certificates of the machine when it is made, for 20 ms.
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=3))
        services = {name: Supervisor(home / "logs") for name in SERVICES}
        stack.push_async_callback(_stop, services)
        key = key_header(home)
        try:
            async with asyncio.TaskGroup() as starting:
                for name in SERVICES:
                    starting.create_task(
                        _start(services[name], client, name, addresses, given.host, port, key)
                    )
        except ExceptionGroup as several:
            raise several.exceptions[0] from None
        stack.callback(lambda: (home / "addresses.json").unlink(missing_ok=True))
        write_private(home / "addresses.json", json.dumps(asdict(addresses)))
        yield Started(addresses, own, services)


async def _start(
    supervisor: Supervisor,
    client: httpx.AsyncClient,
    name: str,
    addresses: Addresses,
    host: str,
    port: int,
    key: dict[str, str],
) -> None:
    url = httpx.URL(addresses.url(name))
    is_gateway = name == "gateway"
    env = {
        **({} if environment().kafka_bootstrap else ON_OUR_BROKER),
        **os.environ,
        **addresses.settings(),
        "ASCUA_HOST": host if is_gateway else "127.0.0.1",
        "ASCUA_PORT": str(port if is_gateway else url.port),
        "PYTHONUNBUFFERED": "1",
    }
    missing: dict[str, str] = {}
    try:
        await supervisor.start(
            name,
            [sys.executable, "-m", f"services.{name}"],
            env,
            lambda: _ready(client, addresses.url(name), missing, key if is_gateway else {}),
            works=lambda: _works(client, addresses, name, key if is_gateway else {}),
        )
    except Unavailable as error:
        if error.slug == "not-ready" and missing:
            lacking = "; ".join(f"{part}: {why}" for part, why in missing.items())
            raise Unavailable("not-ready", f"{name} is not ready: {lacking}") from error
        raise


async def _ready(
    client: httpx.AsyncClient, url: str, missing: dict[str, str], headers: dict[str, str]
) -> None:
    """Return once the service can do its work; `missing` says what it still waits for."""
    while True:
        with suppress(httpx.TransportError):
            response = await client.get(f"{url}/readyz", headers=headers)
            if response.is_success:
                return
            missing.clear()
            missing.update(response.json().get("missing", {}))
        await asyncio.sleep(0.1)


async def _works(
    client: httpx.AsyncClient, addresses: Addresses, name: str, key: Mapping[str, str]
) -> str | None:
    """Why a service does not do its work although the servers do theirs, and another process might."""
    try:
        answer = await client.get(f"{addresses.url(name)}/readyz", headers=key)
        said = answer.json()
    except (httpx.TransportError, ValueError):
        answer, said = None, {"missing": {"process": "it does not answer"}, "restart_helps": True}
    if (answer is not None and answer.is_success) or not said.get("restart_helps"):
        return None
    if not await _servers_work(addresses):
        return None
    return "; ".join(f"{part}: {why}" for part, why in said.get("missing", {}).items())


async def _servers_work(addresses: Addresses) -> bool:
    from shared.bus.cluster import Cluster
    from shared.mongo import Mongo

    mongo = Mongo(addresses.mongo_url, f"{addresses.database_prefix}_gateway")
    try:
        await mongo.check()
        async with asyncio.timeout(1):  # as long as a service's own check has
            await Cluster(addresses.topics).check()
    except (AscuaError, TimeoutError):
        return False
    finally:
        await mongo.stop()
    return True


async def _stop(services: Mapping[str, Supervisor]) -> None:
    """First the door, then those behind it."""
    await services["gateway"].stop(within=2)
    await asyncio.gather(*(services[name].stop(within=2.5) for name in INNER))


def _of_our_own(own: Servers, given: Environment, port: int) -> Addresses:
    from shared.embedded.home import free_port

    ports: set[int] = set()
    while len(ports) < len(INNER):
        ports.add(free_port())
    inner = {name: f"http://127.0.0.1:{each}" for name, each in zip(INNER, ports, strict=True)}
    host = "127.0.0.1" if given.host in ("0.0.0.0", "::") else given.host  # noqa: S104
    return Addresses(
        gateway=f"http://{host}:{port}",
        **inner,
        kafka=own.kafka,
        mongo_url=own.mongo_url,
        topic_prefix=given.topic_prefix,
        database_prefix=given.database_prefix,
        pid=os.getpid(),
    )


def _must_be_free(host: str, port: int) -> None:
    from shared.embedded.home import taken

    if taken(port):
        raise Unavailable(
            "port-taken",
            f"Port {port} is taken by another program, so the gateway cannot listen on {host}:{port}. "
            "Stop that program, or choose another port with --port or ASCUA_PORT.",
        )
