"""The MongoDB-protocol store: the best program for it that this machine has."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from pymongo import AsyncMongoClient, WriteConcern
from pymongo.errors import OperationFailure, PyMongoError

from shared.embedded import home as homes
from shared.embedded.process import UTF_8, Child
from shared.errors import AscuaError, Refused, Unavailable
from shared.private_files import secret

_KINDS = ("mongod", "secantusd-rs", "secantusd-py")  # best first
USER = "ascua"
_USER_EXISTS = 51003
_GIVE_ADDRESS = "or give the address of a running MongoDB in ASCUA_MONGO_URL"


@dataclass(frozen=True, slots=True)
class Program:
    """A store that can be started; kinds do not read one another's data."""

    kind: str
    path: Path


def find(home: Path, binary: Path | None = None) -> Program:
    """The program named by `binary`; else the one that wrote the data in `home`; else the first that is found.

    Raises Unavailable when there is none.
    """
    if binary is not None:
        path = shutil.which(binary)
        if path is None:
            raise Unavailable(
                "store-not-found",
                f"ASCUA_STORE_BINARY names {binary}, which is not a program: correct it or leave it unset.",
            )
        kind = next((kind for kind in _KINDS if Path(path).name.startswith(kind)), None)
        if kind is None:
            raise Refused(
                "store-unknown",
                f"ASCUA_STORE_BINARY names {binary}, which is none of {', '.join(_KINDS)}: "
                "correct it or leave it unset.",
            )
        return Program(kind, Path(path).absolute())
    found = [Program(kind, Path(path)) for kind in _KINDS if (path := _which(kind))]
    if not found:
        raise Unavailable(
            "store-not-found", f"No store is installed: install ascua[embedded] or mongod, {_GIVE_ADDRESS}."
        )
    wrote = homes.writer_of(home / "store")
    return next((program for program in found if program.kind == wrote), found[0])


def _which(kind: str) -> str | None:
    beside_python = shutil.which(kind, path=sysconfig.get_path("scripts")) if kind == "secantusd-py" else None
    return beside_python or shutil.which(kind)


async def _answered(client: AsyncMongoClient[dict[str, object]]) -> None:
    while True:
        try:
            await client.admin.command("ping")
            return
        except PyMongoError:
            await asyncio.sleep(0.05)


class Store:
    """How to start the store whose data is in `<home>/store`; its data outlives it, its port may change."""

    def __init__(self, home: Path, port: int, program: Program) -> None:
        self.directory = home.absolute() / "store"
        self.port = port
        self.program = program
        self._password = secret(home.absolute(), "store")
        self._open_url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        self.url = f"mongodb://{USER}:{self._password}@127.0.0.1:{port}/?directConnection=true"

    async def prepare(self, log_path: Path) -> None:
        """Bring the data directory into a state from which the store starts, with the user that it asks for.

        Raises Refused when that is not ours to do, Unavailable when the store does not start.
        """
        homes.claim(self.directory, self.program.kind, "data/WiredTiger")
        (self.directory / "data").mkdir(exist_ok=True)
        (self.directory / "secantusd.toml").touch()
        mark, digest = self.directory / "user", hashlib.sha256(self._password.encode()).hexdigest()
        if not mark.exists() or mark.read_text() != digest:
            await self._provision(log_path)
            mark.write_text(digest)

    async def _provision(self, log_path: Path) -> None:
        """Start the store without asking for a user, for as long as it takes to make the one it asks for."""
        child = await Child.start(self._argv(), log_path=log_path, cwd=self.directory, env=UTF_8)
        made = asyncio.ensure_future(self._make_user())
        ended = asyncio.ensure_future(child.wait())
        try:
            await asyncio.wait({made, ended}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
            if not made.done():
                raise self.diagnose(child.returncode or 0, child.last_lines(60)) or Unavailable(
                    "store-start", f"{self.program.kind} did not start on {self.directory}: see {log_path}."
                )
            made.result()
        finally:
            made.cancel()
            await child.stop()
            await ended

    async def _make_user(self) -> None:
        async with AsyncMongoClient[dict[str, object]](
            self._open_url, serverSelectionTimeoutMS=200
        ) as client:
            await _answered(client)
            try:
                await client.admin.command("createUser", USER, pwd=self._password, roles=["root"])
            except OperationFailure as error:
                if error.code != _USER_EXISTS:
                    raise
                await client.admin.command("updateUser", USER, pwd=self._password)

    @property
    def argv(self) -> list[str]:
        """Paths are relative to `directory`."""
        return [*self._argv(), "--auth"]

    def _argv(self) -> list[str]:
        common = [str(self.program.path), "--port", str(self.port)]
        if self.program.kind == "mongod":
            return [*common, "--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet", "--dbpath", "data",
                    "--wiredTigerCacheSizeGB", "0.25"]  # fmt: skip
        # An empty configuration of its own keeps the user's out; without --sync-on-commit a kill loses
        # acknowledged writes, even journaled ones; nobody here reads the oplog that --standalone leaves out.
        return [*common, "--host", "127.0.0.1", "--config", "secantusd.toml", "--storage-path", "data",
                "--cache-size", "256M", "--log-level", "WARNING", "--sync-on-commit", "--standalone"]  # fmt: skip

    async def ready(self) -> None:
        """Return once the store answers a ping; its data is whole from then on."""
        async with AsyncMongoClient[dict[str, object]](self.url, serverSelectionTimeoutMS=200) as client:
            await _answered(client)
        homes.settle(self.directory, self.program.kind)

    async def works(self) -> str | None:
        """Why the store does not work: it has to write, and to say that it is in the journal."""
        async with AsyncMongoClient[dict[str, object]](
            self.url, serverSelectionTimeoutMS=2_000, socketTimeoutMS=4_000
        ) as client:
            probe = client.ascua_probe.get_collection("probe", write_concern=WriteConcern(j=True))
            try:
                await probe.update_one({"_id": "probe"}, {"$set": {"at": time.time()}}, upsert=True)
            except (PyMongoError, OSError) as error:
                if homes.is_full(self.directory):
                    return None  # another one would not write either
                return f"it does not write: {type(error).__name__}"
        return None

    def diagnose(self, code: int, output: str) -> AscuaError | None:
        """What a store that ended early could not do, where its output says so."""

        def says(pattern: str) -> bool:
            return re.search(pattern, output, re.IGNORECASE) is not None

        if says(r"address already in use|EADDRINUSE"):
            return homes.port_taken(self.port, self.program.kind)
        if says(r"no space left on device") or homes.is_full(self.directory):
            return Unavailable("disk-full", f"The disk that holds {self.directory} is full: make room there.")
        if says(r"cannot allocate memory|out of memory|MemoryError|ENOMEM"):
            return Unavailable(
                "too-little-memory",
                f"{self.program.kind} needs about 400 MB of memory and could not get it. "
                f"End other programs or raise this process's limit, {_GIVE_ADDRESS}.",
            )
        if says(r"resource busy|already (locked|open)|DBPathInUse"):
            return Unavailable(
                "already-running",
                f"Another {self.program.kind} runs on {self.directory}: stop it, then start again.",
            )
        if says(r"WT_TRY_SALVAGE|WT_ERROR|WT_PANIC|corrupt|not a WiredTiger|Invalid argument"):
            return homes.half_written(self.directory, f"{self.program.kind} cannot read it")
        if says(r"permission denied|read-only file system"):
            return Refused(
                "home-unusable", f"{self.directory} cannot be written to: correct its permissions."
            )
        return None
