"""The embedded servers come back after a kill with everything that was acknowledged, and say what they lack."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import AsyncMongoClient, WriteConcern
from pymongo.errors import PyMongoError

from shared.bus.brokers import Brokers
from shared.embedded import Servers, kafka, running, store
from shared.embedded.home import free_port
from shared.errors import Refused, Unavailable
from tests.shared.embedded.test_process import REPOSITORY, alive
from tests.waiting import HANG, until

STORES = [
    pytest.param(path, id=kind)
    for kind, path in {
        "secantusd-py": Path(sys.executable).with_name("secantusd-py"),
        "secantusd-rs": shutil.which("secantusd-rs"),
        "mongod": shutil.which("mongod"),
        "given": os.environ.get("ASCUA_STORE_BINARY"),
    }.items()
    if path
]


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    async with Servers(tmp_path_factory.mktemp("home")) as servers:
        yield servers


async def write(servers: Servers, topic: str, values: list[bytes]) -> None:
    """Send values in order and return once the broker has acknowledged each."""
    admin = AIOKafkaAdminClient(**servers.kafka.client)
    await admin.start()
    try:
        if topic not in await admin.list_topics():
            await admin.create_topics([NewTopic(topic, 1, 1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(**servers.kafka.client, enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)


async def read(servers: Servers, topic: str) -> list[bytes]:
    async with AIOKafkaConsumer(**servers.kafka.client, enable_auto_commit=False) as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        while await consumer.position(partition) < end:
            values.append((await consumer.getone(partition)).value)
        return values


async def killed(servers: Servers, name: str) -> None:
    """SIGKILL a server and wait until another process has taken its place."""
    old = servers.pids()[name]
    os.kill(old, signal.SIGKILL)
    await until(lambda: servers.pids().get(name, old) != old)


async def test_a_killed_broker_is_back_at_its_address_with_its_events(servers: Servers) -> None:
    address, sent = servers.kafka, [b"%d" % number for number in range(100)]
    await write(servers, "kept", sent)

    await killed(servers, "kafka")
    await kafka.Broker(servers.home, int(address.bootstrap.rpartition(":")[2])).ready()

    assert servers.kafka == address
    assert await read(servers, "kept") == sent
    await write(servers, "kept", [b"after"])
    assert await read(servers, "kept") == [*sent, b"after"]


@pytest.mark.parametrize("binary", STORES)
async def test_a_killed_store_is_back_at_its_address_with_its_journaled_writes(
    tmp_path: Path, binary: Path
) -> None:
    async with Servers(tmp_path, kafka=Brokers("elsewhere:9092"), store_binary=binary) as servers:
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(
            servers.mongo_url, serverSelectionTimeoutMS=5_000
        )
        leads = client.test.get_collection("leads", write_concern=WriteConcern(j=True))
        try:
            await leads.insert_many([{"_id": number} for number in range(100)])
            await leads.update_one({"_id": 7}, {"$set": {"hot": True}})

            await killed(servers, "store")
            found = await eventually_count(client)

            assert found == 100
            assert await leads.find_one({"_id": 7}) == {"_id": 7, "hot": True}
            assert servers.store_name == Path(binary).name
        finally:
            await client.close()
        await servers.stop(within=0.2)


async def eventually_count(client: AsyncMongoClient[dict[str, object]]) -> int:
    async with asyncio.timeout(HANG):
        while True:
            try:
                return len(await client.test.leads.find({}).to_list())
            except PyMongoError:  # the connection that the kill cut
                await asyncio.sleep(0.02)


async def test_data_outlives_the_run_although_the_ports_change(tmp_path: Path) -> None:
    async with Servers(tmp_path) as servers:
        first = servers.kafka
        await write(servers, "kept", [b"warm"])
        await insert(servers, {"_id": "ana"})
    async with Servers(tmp_path) as servers:
        assert servers.kafka != first
        assert await read(servers, "kept") == [b"warm"]
        async with AsyncMongoClient[dict[str, object]](servers.mongo_url) as client:
            assert await client.test.leads.find_one() == {"_id": "ana"}
            assert list((tmp_path / "logs").glob("*.log"))


async def insert(servers: Servers, document: dict[str, object]) -> None:
    async with AsyncMongoClient[dict[str, object]](servers.mongo_url) as client:
        await client.test.leads.insert_one(document)


async def test_a_killed_parent_leaves_no_server_and_its_home_can_be_used_at_once(tmp_path: Path) -> None:
    script = f"""
import asyncio
from pathlib import Path
from shared.embedded import Servers
async def main():
    async with Servers(Path({str(tmp_path)!r})) as servers:
        print("pids", *servers.pids().values(), flush=True)
        await servers.wait()
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    try:
        pids = await told_pids(parent.stdout)
        assert len(pids) == 2
        told = running(tmp_path)
        assert told
        assert told.pid == parent.pid
    finally:
        parent.kill()
        await parent.wait()

    async with Servers(tmp_path) as servers:  # waits for what is still ending
        assert not any(map(alive, pids))
        assert len(servers.pids()) == 2
        await servers.stop(within=0.2)


async def told_pids(output: asyncio.StreamReader) -> list[int]:
    while not (line := await output.readline()).startswith(b"pids"):  # logs come first
        assert line, "the parent ended"
    return [int(pid) for pid in line.split()[1:]]


async def test_a_second_system_on_the_same_home_is_told_who_runs_there(servers: Servers) -> None:
    with pytest.raises(Unavailable, match=f"process {os.getpid()}.* runs on .*ASCUA_HOME") as refusal:
        await Servers(servers.home).start()

    assert refusal.value.slug == "already-running"
    told = running(servers.home)
    assert told
    assert (told.kafka, told.mongo_url) == (servers.kafka, servers.mongo_url)


async def test_given_addresses_are_used_and_nothing_is_started(tmp_path: Path) -> None:
    async with Servers(tmp_path / "home", kafka=Brokers("k:9092"), mongo_url="mongodb://m") as servers:
        assert (servers.kafka, servers.mongo_url, servers.store_name) == (
            Brokers("k:9092"),
            "mongodb://m",
            "given",
        )
        assert servers.pids() == {}
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["kafka", "store"])
async def test_a_directory_of_somebody_else_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "thesis.odt").write_text("years")

    with pytest.raises(Refused, match=f"{name} was not made by Ascua. Move it away") as refusal:
        await Servers(tmp_path).start()

    assert refusal.value.slug == "data-foreign"
    assert [entry.name for entry in (tmp_path / name).iterdir()] == ["thesis.odt"]
    assert running(tmp_path) is None


async def test_data_that_another_kind_of_store_wrote_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "ascua.json").write_text(json.dumps({"writer": "tarantool", "complete": True}))

    with pytest.raises(Refused, match="was written by tarantool, not "):
        await Servers(tmp_path, kafka=Brokers("elsewhere:9092")).start()


def test_data_is_opened_by_the_kind_of_store_that_wrote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "store").mkdir()
    better = tmp_path / "bin" / "mongod"
    better.write_text("#!/bin/sh\n")
    better.chmod(0o755)
    monkeypatch.setenv("PATH", str(better.parent), prepend=os.pathsep)
    assert store.find(tmp_path).kind == "mongod"

    (tmp_path / "store" / "ascua.json").write_text(json.dumps({"writer": "secantusd-py", "complete": True}))

    assert store.find(tmp_path).kind == "secantusd-py"
    assert store.find(tmp_path, better).kind == "mongod"
    with pytest.raises(Unavailable, match="ASCUA_STORE_BINARY names /no/mongod"):
        store.find(tmp_path, Path("/no/mongod"))
    with pytest.raises(Refused, match="none of mongod, secantusd-rs, secantusd-py"):
        store.find(tmp_path, Path("/bin/sh"))


@pytest.mark.parametrize(
    ("name", "evidence"), [("kafka", "data/meta.properties"), ("store", "data/WiredTiger")]
)
async def test_a_directory_that_lost_its_data_is_refused(tmp_path: Path, name: str, evidence: str) -> None:
    (tmp_path / name).mkdir()
    writer = "kafka" if name == "kafka" else store.find(tmp_path).kind
    (tmp_path / name / "ascua.json").write_text(json.dumps({"writer": writer, "complete": True}))

    with pytest.raises(Refused, match=f"{evidence} is missing. Restore the directory") as refusal:
        await Servers(tmp_path).start()

    assert refusal.value.slug == "data-half-written"


async def test_a_broker_whose_metadata_is_damaged_says_so(tmp_path: Path) -> None:
    data = tmp_path / "kafka" / "data"
    data.mkdir(parents=True)
    (data / "meta.properties").write_text("vers")
    (tmp_path / "kafka" / "ascua.json").write_text(json.dumps({"writer": "kafka", "complete": True}))

    with pytest.raises(Refused, match=r"Kafka does not accept data/meta\.properties"):
        await Servers(tmp_path, mongo_url="mongodb://elsewhere").start()


async def test_a_store_whose_files_are_damaged_says_so(tmp_path: Path) -> None:
    async with Servers(tmp_path, kafka=Brokers("elsewhere:9092")) as servers:
        await servers.stop(within=0.2)
    for file in (tmp_path / "store" / "data").glob("WiredTiger*"):
        file.write_bytes(b"damaged")

    with pytest.raises(Refused, match=r"incomplete: .* cannot read it. Restore"):
        await Servers(tmp_path, kafka=Brokers("elsewhere:9092")).start()


async def test_a_first_start_that_was_interrupted_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "store" / "data").mkdir(parents=True)
    (tmp_path / "store" / "data" / "WiredTiger").write_bytes(b"half")
    kind = store.find(tmp_path).kind
    (tmp_path / "store" / "ascua.json").write_text(json.dumps({"writer": kind, "complete": False}))

    async with Servers(tmp_path, kafka=Brokers("elsewhere:9092")) as servers:
        assert set(servers.pids()) == {"store"}
        await servers.stop(within=0.2)


@pytest.mark.parametrize("name", ["kafka", "store"])
async def test_a_port_that_is_taken_is_named(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        port = listener.getsockname()[1]

        with pytest.raises(Unavailable, match=f"Port {port} .* is taken by another program") as refusal:
            await Servers(tmp_path, **{f"{name}_port": port}).start()

    assert refusal.value.slug == "port-taken"


@pytest.mark.parametrize("name", ["kafka", "store"])
async def test_a_port_that_is_taken_in_the_last_moment_is_named_by_the_server(
    tmp_path: Path, name: str
) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        servers, port = Servers(tmp_path), listener.getsockname()[1]
        start = servers._start_kafka if name == "kafka" else servers._start_store
        servers._starts = [lambda: start(port)]

        with pytest.raises(Unavailable, match=f"Port {port} .* is taken by another program"):
            await servers.start()


def test_a_port_that_was_given_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    given = free_port()
    monkeypatch.setattr("shared.embedded.home._PORTS", range(given, given + 1))

    with pytest.raises(Unavailable, match="No free port"):
        free_port()


async def test_a_broker_without_enough_memory_says_so(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text(f'#!/bin/sh\nulimit -v 300000\nexec {kafka._java()} "$@"\n')
    java.chmod(0o755)

    with pytest.raises(Unavailable, match="Kafka needs about 400 MB of memory") as refusal:
        await Servers(tmp_path / "home", mongo_url="mongodb://elsewhere", java=java).start()

    assert refusal.value.slug == "too-little-memory"


async def test_a_home_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Refused, match=r"cannot be written to .*ASCUA_HOME"):
        await Servers(tmp_path / "file" / "home").start()


def test_a_first_installation_without_network_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    with pytest.raises(Unavailable, match=r"could not be fetched .*needs a network") as refusal:
        kafka.install(tmp_path / "cache" / "kafka")

    assert refusal.value.slug == "no-network"
    assert list((tmp_path / "cache").iterdir()) == []


async def test_a_jar_that_differs_from_the_lock_file_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(scratch: Path) -> list[Path]:
        jars = [scratch / name for name in kafka._locked()]
        for jar in jars:
            jar.write_bytes(b"not a jar")
        return jars

    monkeypatch.setattr(kafka, "_fetch", fetch)

    with pytest.raises(Refused, match=r"is not the file that kafka-jars\.lock names"):
        kafka.install(tmp_path / "kafka")

    assert not (tmp_path / "kafka").exists()
