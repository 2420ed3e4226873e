"""`ascua run all`, and the commands beside it, on the embedded servers as everybody gets them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.bus.brokers import Brokers
from shared.bus.dead_letters import DeadLetter
from shared.bus.lag import lag
from shared.bus.publisher import Publisher
from shared.bus.topics import REPLAYS, Topics
from shared.embedded.home import free_port
from shared.installation import SERVICES
from tests.cli.commands import ASCUA, REPOSITORY, Done, Running, ascua, told
from tests.shared.embedded.test_process import alive
from tests.waiting import until


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    running = await Running.start(tmp_path_factory.mktemp("cli") / "home", free_port())
    try:
        yield running
    finally:
        family, began = running.family(), time.monotonic()
        code = await running.stop()
        seconds = time.monotonic() - began
    assert code == 0, running.status.read_text()
    assert seconds < 10
    assert not [pid for pid in family if alive(pid)]
    assert not (running.home / "addresses.json").exists()


@pytest.fixture
async def gateway(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    key = (running.home / "keys" / "operator").read_text().strip()
    async with httpx.AsyncClient(
        base_url=running.ready["gateway"], headers={"authorization": f"Bearer {key}"}, timeout=30
    ) as client:
        yield client


async def test_the_addresses_and_the_operators_key_are_for_the_owner_alone(running: Running) -> None:
    addresses = running.addresses()

    assert addresses["gateway"] == running.ready["gateway"]
    assert addresses["pid"] == running.process.pid == running.ready["pid"]
    assert set(SERVICES) < set(addresses)
    for name in ("addresses.json", "keys/operator"):
        assert (running.home / name).stat().st_mode & 0o777 == 0o600


async def test_each_event_of_the_system_is_a_line_on_stderr(running: Running) -> None:
    lines = running.status.read_text().splitlines()

    for name in ("kafka", "store", *SERVICES):
        assert any(line.startswith(f"{name} is up (process ") for line in lines), name
    assert any(line.startswith("ready after ") and running.ready["gateway"] in line for line in lines)


async def test_heat_is_shown_and_explained(running: Running, gateway: httpx.AsyncClient) -> None:
    captured = await gateway.post("/v1/leads", json={"lead_id": "cli-ana", "channel": "web"})
    assert captured.status_code == 201, captured.text
    sent = await gateway.post("/v1/signals", json={"lead_id": "cli-ana", "kind": "page_viewed"})
    assert sent.status_code == 202, sent.text

    async def counted() -> bool:
        heat = await gateway.get("/v1/leads/cli-ana/heat")
        return heat.is_success and "signal.page_viewed" in heat.json()["counts"]

    await until(counted)
    shown = await ascua("heat", "show", "cli-ana", "--json", env=running.env)
    explained = await ascua(
        "heat", "explain", "cli-ana", "--json", "--at", "2100-01-01T00:00:00Z", env=running.env
    )
    drawn = await ascua("heat", "explain", "cli-ana", env=running.env)

    assert (shown.code, shown.err) == (0, "")
    assert set(shown.document) == {"lead_id", "at", "heat", "band", "rules", "counts"}
    assert shown.document["heat"] > 0
    assert explained.document["at"].startswith("2100-01-01T00:00:00")
    assert {term["kind"] for term in explained.document["terms"]} >= {"lead.captured", "signal.page_viewed"}
    assert explained.document["heat"] < shown.document["heat"]
    assert drawn.code == 0
    assert "signal.page_viewed" in drawn.out


async def test_a_lead_that_does_not_exist_is_one_sentence_and_1(running: Running) -> None:
    done = await ascua("heat", "show", "nobody", "--json", env=running.env)

    assert (done.code, done.out) == (1, "")
    assert len(done.err.splitlines()) == 1
    assert "nobody" in done.err


async def test_a_new_key_opens_the_gateway_as_its_role_may(running: Running) -> None:
    done = await ascua("keys", "create", "website", "--role", "channel", "--json", env=running.env)

    assert done.code == 0
    assert (done.document["name"], done.document["role"]) == ("website", "channel")
    key = {"authorization": f"Bearer {done.document['key']}"}
    async with httpx.AsyncClient(base_url=running.ready["gateway"], headers=key) as website:
        assert (await website.post("/v1/leads", json={"channel": "web"})).status_code == 201
        assert (await website.get("/v1/leads/cli-ana/heat")).status_code == 403


async def test_topics_that_are_there_are_kept(running: Running) -> None:
    done = await ascua("topics", "apply", "--json", env=running.env)

    assert done.code == 0
    assert done.document["created"] == []
    assert "ascua.leads" in done.document["kept"]


async def test_dead_letters_are_listed_shown_and_sent_back_once(running: Running) -> None:
    topics = Topics(Brokers(**running.addresses()["kafka"]))
    letters = [
        DeadLetter(
            "nobody", "leads", 0, offset, "ana", "not-json", "it is not JSON", "2026-11-21T09:30:00Z", b"{"
        )
        for offset in (9, 10)
    ]
    publisher = Publisher(topics)
    await publisher.start()
    try:
        for letter in letters:
            await publisher.publish(letter.to_record())
    finally:
        await publisher.stop()

    listed = await ascua("dlq", "list", "--consumer", "nobody", "--json", env=running.env)
    shown = await ascua("dlq", "show", "nobody/leads/0/9", "--json", env=running.env)
    first = await ascua("dlq", "replay", "nobody/leads/0/10", "--json", env=running.env)
    again = await ascua("dlq", "replay", "nobody/leads/0/10", "--json", env=running.env)
    rest = await ascua("dlq", "replay", "--consumer", "nobody", "--json", env=running.env)
    left = await ascua("dlq", "list", "--json", env=running.env)

    assert [letter["letter"] for letter in listed.document["letters"]] == [
        "nobody/leads/0/9",
        "nobody/leads/0/10",
    ]
    assert shown.document["original"] == "ew=="
    assert shown.document["reason"] == "not-json"
    assert first.document == {"replayed": 1, "letters": ["nobody/leads/0/10"]}
    assert (again.code, again.out) == (1, "")
    assert "nobody/leads/0/10" in again.err
    assert rest.document["letters"] == ["nobody/leads/0/9"]
    assert left.document["letters"] == []


async def test_dead_letters_that_are_given_up_are_closed_and_never_sent_back(running: Running) -> None:
    topics, names = (
        Topics(Brokers(**running.addresses()["kafka"])),
        [f"nowhere/leads/1/{n}" for n in (1, 2, 3)],
    )
    publisher = Publisher(topics)
    await publisher.start()
    try:
        for offset in (1, 2, 3):
            letter = DeadLetter(
                "nowhere", "leads", 1, offset, "ana", "not-json", "", "2026-11-21T09:30:00Z", b""
            )
            await publisher.publish(letter.to_record())
        before = await ends(topics, REPLAYS.name)

        doctor = await ascua("doctor", "--json", env=running.env)
        one = await ascua("dlq", "discard", names[1], "--json", env=running.env)
        again = await ascua("dlq", "discard", names[1], "--json", env=running.env)
        left = await ascua("dlq", "list", "--consumer", "nowhere", "--json", env=running.env)
        rest = await ascua("dlq", "discard", "--consumer", "nowhere", "--json", env=running.env)
        well = await ascua("doctor", "--json", env=running.env)

        assert await ends(topics, REPLAYS.name) == before
    finally:
        await publisher.stop()
    assert one.document == {"discarded": 1, "letters": [names[1]]}
    assert (again.code, again.out) == (1, "")
    assert [each["letter"] for each in left.document["letters"]] == [names[0], names[2]]
    assert rest.document["letters"] == [names[0], names[2]]
    assert dead_letters_of(doctor) == (False, "3 of nowhere are open: `ascua dlq list`")
    assert dead_letters_of(well) == (True, "none is open")


def dead_letters_of(doctor: Done) -> tuple[bool, str]:
    (found,) = [each for each in doctor.document["checks"] if each["check"] == "dead letters"]
    return found["ok"], found["detail"]


async def ends(topics: Topics, topic: str) -> dict[TopicPartition, int]:
    async with AIOKafkaConsumer(**topics.brokers.client) as reader:
        name = topics.name(topic)
        partitions = [TopicPartition(name, number) for number in range(4)]
        return dict(await reader.end_offsets(partitions))


async def test_lag_counts_what_a_group_has_not_read(running: Running) -> None:
    topics = Topics(Brokers(**running.addresses()["kafka"]))

    async def caught_up() -> bool:
        found = (await lag(topics, ["followup"]))["followup"]
        return sum(each["lag"] for each in found.values()) == 0 and any(
            each["end"] for each in found.values()
        )

    await until(caught_up)
    found = await lag(topics, ["followup", "nobody-at-all"])
    assert {partition for partition in found["followup"] if partition.startswith("leads/")} == {
        f"leads/{number}" for number in range(4)
    }
    assert found["nobody-at-all"] == {}


async def test_the_doctor_finds_nothing_wrong_and_tells_how_scoring_stands(
    running: Running, gateway: httpx.AsyncClient
) -> None:
    assert (await gateway.post("/v1/leads", json={"channel": "web"})).status_code == 201

    async def committed() -> bool:
        status = (await gateway.get("/v1/status")).json()["services"]["scoring"]
        return bool(status["stream"]["last_commit"])

    await until(committed)
    done = await ascua("doctor", "--json", env=running.env)

    found = done.document
    assert [check for check in found["checks"] if not check["ok"]] == []
    assert (done.code, found["ok"], found["running"], done.err) == (0, True, True, "")
    assert set(found["services"]) == set(SERVICES)
    stream = found["services"]["scoring"]["status"]["stream"]
    assert (stream["leads"] > 0, stream["memory_bytes"] > 10**7) == (True, True)
    (scoring,) = (check["detail"] for check in found["checks"] if check["check"] == "scoring")
    assert f"stream last commit {stream['last_commit']}" in scoring
    assert {"python", "java", "home", "disk", "memory", "system", "store", "topics"} <= {
        check["check"] for check in found["checks"]
    }


@pytest.mark.parametrize("name", ["leads", "gateway"])
async def test_a_killed_service_is_back_at_its_address(
    running: Running, gateway: httpx.AsyncClient, name: str
) -> None:
    url, old = running.addresses()[name], pid_of(running, name)

    os.kill(old, signal.SIGKILL)

    await until(lambda: pid_of(running, name) != old)
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/readyz")).status_code == 200
    (death,) = (
        line
        for line in running.status.read_text().splitlines()
        if line.startswith(f"{name} (process {old}) ended with -9")
    )
    assert str(running.home / "logs" / f"{name}.log") in death
    assert (await gateway.post("/v1/leads", json={"channel": "web"})).status_code == 201


def pid_of(running: Running, name: str) -> int:
    """The process of a service, as the last line about it says."""
    ups = [
        line for line in running.status.read_text().splitlines() if line.startswith(f"{name} is up (process ")
    ]
    return int(ups[-1].rpartition(" ")[2].rstrip(")"))


async def test_the_doctor_names_a_service_that_is_away(running: Running) -> None:
    """Told through addresses that differ from the truth in one place."""
    addresses = running.addresses()
    env = {
        **running.env,
        **{f"ASCUA_{name.upper()}_URL": addresses[name] for name in SERVICES},
        **Brokers(**addresses["kafka"]).environment(),
        "ASCUA_MONGO_URL": addresses["mongo_url"],
        "ASCUA_TICKETS_URL": (away := f"http://127.0.0.1:{free_port()}"),
    }

    done = await ascua("doctor", "--json", env=env)

    assert done.code == 1
    (wrong,) = [check for check in done.document["checks"] if not check["ok"]]
    assert (wrong["check"], done.document["ok"]) == ("tickets", False)
    assert away in wrong["detail"]


async def test_a_second_system_on_the_home_is_refused_by_name(running: Running) -> None:
    done = await ascua("run", "all", "--port", str(free_port()), env=running.env)

    assert done.code == 69
    assert f"process {running.process.pid}" in done.err
    assert "ASCUA_HOME" in done.err


async def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        port = listener.getsockname()[1]
        done = await ascua("run", "all", "--json", env=told(tmp_path / "home", ASCUA_PORT=str(port)))

    assert (done.code, done.out) == (69, "")
    assert f"Port {port} is taken by another program" in done.err
    assert "--port or ASCUA_PORT" in done.err
    assert not (tmp_path / "home").exists()


async def test_one_service_alone_finds_the_running_system(running: Running) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(*ASCUA, "run", "tickets", "--json", "--port", str(port)), env=running.env, cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    async def ready() -> bool:
        assert process.returncode is None
        try:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success
        except httpx.TransportError:
            return False

    try:
        async with httpx.AsyncClient() as client:
            await until(ready)
    finally:
        process.terminate()
        out, _ = await process.communicate()
    assert json.loads(out)["service"] == "tickets"
