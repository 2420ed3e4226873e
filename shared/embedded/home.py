"""The directory a system lives in: who runs on it, who wrote its data, and free ports beside it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import random
import shutil
import socket
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from shared.bus.brokers import Brokers
from shared.errors import Misused, Refused, Unavailable

_MARK = "ascua.json"
ROOM = 32 * 2**20
"""Bytes that a server needs on its disk to start, or to start another file."""
_PORTS = range(20_000, 32_000)
"""Below every system's ephemeral ports: there, a client that retries the port of a server that was killed would
sooner or later be connected to itself and keep the server from coming back."""


@dataclass(frozen=True, slots=True)
class Running:
    """The system that runs on a home now."""

    pid: int
    kafka: Brokers
    mongo_url: str


def running(home: Path) -> Running | None:
    """The system whose servers are up on `home`, or None."""
    try:
        with (home / "servers.json").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                told = json.loads(file.read() or b"{}")
                return Running(**{**told, "kafka": Brokers(**told["kafka"])}) if "kafka" in told else None
    except (FileNotFoundError, ValueError):
        pass
    return None


class Lock:
    """The right to run servers on a home; it is held until this process and all children that keep it are gone."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    async def take(cls, home: Path) -> Lock:
        """Raises Refused when the home cannot be written to, Unavailable when another system runs on it."""
        make_private(home)
        try:
            file = os.fdopen(
                os.open(home / "servers.json", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "a+"
            )
        except OSError as error:
            raise _unusable(home, error) from error
        patience = time.monotonic() + 0.5
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = _pid(home)
                if time.monotonic() > patience + (0.0 if pid and _alive(pid) else 5.0):
                    file.close()
                    raise Unavailable(
                        "already-running",
                        f"Another Ascua (process {pid or 'unknown'}) runs on {home}. "
                        "Stop it, or choose another directory with ASCUA_HOME.",
                    ) from None
                await asyncio.sleep(0.05)
            else:
                lock = cls(file)
                lock._write({"pid": os.getpid()})
                return lock

    def tell(self, kafka: Brokers, mongo_url: str) -> None:
        """Let other programs of the same owner find the servers."""
        self._write(asdict(Running(os.getpid(), kafka, mongo_url)))

    def fileno(self) -> int:
        return self._file.fileno()

    def release(self) -> None:
        self._file.truncate(0)
        self._file.close()

    def _write(self, content: dict[str, object]) -> None:
        self._file.truncate(0)
        json.dump(content, self._file)
        self._file.flush()


def make(directory: Path) -> None:
    """Create a directory that can be written to, for nobody else; raises Refused when that is impossible."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        (directory / ".writable").touch()
        (directory / ".writable").unlink()
    except OSError as error:
        raise _unusable(directory, error) from error


def make_private(home: Path) -> None:
    """Create a home, and keep others out; a directory that has other things in it stays as open as it is."""
    make(home)
    ours = {"servers.json", "addresses.json", "keys", "logs", "kafka", "store"}
    status = home.stat()
    if status.st_uid == os.geteuid() and {entry.name for entry in home.iterdir()} <= ours:
        home.chmod(0o700)
    for entry in home.iterdir():
        if entry.name in ours and entry.stat().st_uid == os.geteuid():
            entry.chmod(0o700 if entry.is_dir() else 0o600)


def is_full(directory: Path) -> bool:
    """Whether there is no room left for a server's next file."""
    try:
        return shutil.disk_usage(directory).free < ROOM
    except OSError:
        return False


def claim(directory: Path, writer: str, evidence: str) -> bool:
    """Make sure that `directory` holds data that `writer` may open. True when it holds nothing yet.

    A first start that was interrupted before `settle` is begun anew: nothing was ever acknowledged from it.
    Raises Refused for a directory that another program wrote to, or in which the file `evidence` is missing.
    """
    make(directory)
    mark = directory / _MARK
    if not mark.exists():
        if any(directory.iterdir()):
            raise _foreign(directory, "was not made by Ascua")
        _write_mark(mark, writer, complete=False)
        return True
    try:
        told = json.loads(mark.read_bytes())
        wrote, complete = str(told["writer"]), bool(told["complete"])
    except (ValueError, KeyError, TypeError):
        raise _foreign(directory, f"has an unreadable {_MARK}") from None
    if wrote != writer:
        raise _foreign(directory, f"was written by {wrote}, not {writer}")
    if not complete:
        for entry in directory.iterdir():
            if entry != mark:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        return True
    if not (directory / evidence).exists():
        raise half_written(directory, f"{evidence} is missing")
    return False


def settle(directory: Path, writer: str) -> None:
    """Say that the data in a claimed directory is whole from now on."""
    _write_mark(directory / _MARK, writer, complete=True)


def writer_of(directory: Path) -> str | None:
    """Who wrote the data in a directory, as far as its mark says."""
    try:
        return str(json.loads((directory / _MARK).read_bytes())["writer"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def half_written(directory: Path, what: str) -> Refused:
    return Refused(
        "data-half-written",
        f"The data in {directory} is incomplete: {what}. "
        "Restore the directory from a backup, or move it away to begin with an empty one.",
    )


_reserved: list[int] = []
"""Descriptors of the locks on ports that this process was given; they go with it."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no other Ascua is given while this process lives."""
    for port in random.choices(_PORTS, k=200):  # noqa: S311
        if _reserve(port) and not taken(port):
            return port
    raise Unavailable("no-free-port", "No free port was found on 127.0.0.1: end programs that listen there.")


def _reserve(port: int) -> bool:
    place = Path(tempfile.gettempdir(), f"ascua-ports-{os.getuid()}")
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        lock = os.open(place / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return True  # where no note can be left, a look has to do
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    _reserved.append(lock)
    return True


def taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def port_taken(port: int, what: str) -> Unavailable:
    return Unavailable(
        "port-taken",
        f"Port {port} of 127.0.0.1 is taken by another program, so {what} cannot listen there. "
        "Stop that program, or choose another port, or none to get a free one.",
    )


def _foreign(directory: Path, what: str) -> Refused:
    return Refused(
        "data-foreign",
        f"{directory} {what}. Move it away to begin with an empty one, or choose another directory with ASCUA_HOME.",
    )


def _unusable(directory: Path, error: OSError) -> Misused:
    return Misused(
        "home-unusable",
        f"{directory} cannot be written to ({error.strerror}). "
        "Correct that, or choose another directory with ASCUA_HOME.",
    )


def _write_mark(mark: Path, writer: str, *, complete: bool) -> None:
    draft = mark.with_suffix(".draft")
    draft.write_text(json.dumps({"writer": writer, "complete": complete}))
    draft.replace(mark)


def _pid(home: Path) -> int | None:
    try:
        return int(json.loads((home / "servers.json").read_bytes())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
