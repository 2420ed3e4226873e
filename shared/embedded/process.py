"""Child processes that never outlive their parent, and a supervisor that keeps them alive."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import structlog

from shared.embedded.deaths import QUICK_DEATHS, SHORT, Deaths, pause
from shared.errors import AscuaError, Unavailable

log = structlog.get_logger()

Ready = Callable[[], Awaitable[object]]
"""Returns once the child answers; it is cancelled when the child dies or takes too long."""

Works = Callable[[], Awaitable[str | None]]
"""Why the child does not do its work although another one in its place might. None when it does, and when something
else keeps it from it: a disk without room, a server that is away."""

Diagnosis = Callable[[int, str], AscuaError | None]
"""Exit code and end of the log of a child that died early → why starting it again is useless, or None."""

UTF_8 = {**os.environ, "LC_ALL": "C.UTF-8"}
"""The environment of a server that would not find paths with other letters than those of English otherwise."""

_GUARD = Path(__file__).with_name("guard.py")
_LOOK = 5.0  # seconds between two looks at whether a child works
_ANSWER = 10.0  # seconds it has to answer
_PATIENCE = 30.0  # seconds that it may not work before it is started again; twice as long each time
_MOST_PATIENCE = 240.0
_SAID = 500  # characters of a dead child's last line that are told


class Child:
    """A process that ends with this one, even when this one is killed with SIGKILL.

    It runs in a session of its own below a guard (see `guard.py`); its output goes to the end of `log_path`, which the
    guard puts aside as `<log_path>.1` whenever it has grown long.
    Its grandchildren end with it, unless they leave its process group.
    """

    def __init__(self, guard: asyncio.subprocess.Process, pid: int, log_path: Path, log_start: int) -> None:
        self.pid = pid
        self.log_path = log_path
        self.returncode: int | None = None
        self._log_start = log_start
        self._guard = guard
        self._ended = asyncio.create_task(self._watch())

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        log_path: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        keep: Sequence[int] = (),
    ) -> Self:
        """Start `argv`. Descriptors in `keep` stay open until the child is gone, whatever becomes of the parent.

        Raises OSError when it cannot be executed.
        """
        log_path, log_start = _end_of(log_path)
        guard = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", str(_GUARD), str(log_path), *argv,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            env=env, cwd=cwd, pass_fds=tuple(keep), start_new_session=True, umask=0o077,
        )  # fmt: skip
        assert guard.stdout is not None
        match (await guard.stdout.readline()).split():
            case [b"pid", pid]:
                return cls(guard, int(pid), log_path, log_start)
            case [b"error", errno]:
                await guard.wait()
                raise OSError(int(errno), os.strerror(int(errno)), argv[0])
            case _:
                code = await guard.wait()
                raise Unavailable("guard", f"The guard of {argv[0]} ended with {code}: see {log_path}.")

    async def wait(self) -> int:
        """The exit code, negative for a signal, once the child is gone."""
        return await asyncio.shield(self._ended)

    async def stop(self, grace: float = 5.0) -> int:
        """End the child: SIGTERM, and SIGKILL after `grace` seconds. Returns its exit code."""
        if self.returncode is None and self._guard.stdin is not None:
            with suppress(ConnectionError):
                self._guard.stdin.write(f"{grace}\n".encode())
                await self._guard.stdin.drain()
        return await self.wait()

    def last_lines(self, count: int = 10) -> str:
        """The end of what this child wrote to its log, as far as it can be read."""
        try:
            with self.log_path.open("rb") as lines:
                size = lines.seek(0, os.SEEK_END)
                start = self._log_start if self._log_start <= size else 0  # put aside meanwhile
                lines.seek(max(start, size - 16_384))
                return "\n".join(lines.read().decode(errors="replace").splitlines()[-count:])
        except OSError:
            return ""

    async def _watch(self) -> int:
        assert self._guard.stdout is not None
        last = await self._guard.stdout.readline()
        if last.startswith(b"exit"):
            self.returncode = int(last.split()[1])
        else:  # somebody killed the guard: what it held must go now
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.returncode = -signal.SIGKILL
        await self._guard.wait()
        return self.returncode


def _end_of(log: Path) -> tuple[Path, int]:
    """The whole path of a log, and where it ends by now."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return log.absolute(), log.stat().st_size if log.exists() else 0


@dataclass(slots=True)
class _Supervised:
    """What it takes to start a child again."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None
    cwd: Path | None
    ready: Ready | None
    works: Works | None
    diagnose: Diagnosis | None
    child: Child | None = None
    restarts: int = 0
    patience: float = field(default_factory=lambda: _PATIENCE)
    up: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


def given_up(logs: Path, name: str) -> Path:
    """The file that says why a child was given up, as long as it is."""
    return logs / f"{name}.given-up"


class Supervisor:
    """Keeps named children alive; each writes to `<logs>/<name>.log`.

    One that dies is started again: at once the first time, with pauses of up to 30 s when it keeps dying young. One
    that is up and does not work for 30 s (then 60, 120…) is made to end. A child is given up after five early deaths in
    a row when it has never been ready, or always ended with exit code 2 or 78; after twelve lives of less than a
    minute; and when its own diagnosis says so. Then `<logs>/<name>.given-up` says why. What was up before is not given
    up while something else keeps it from its work.
    """

    def __init__(self, logs: Path, *, keep: Sequence[int] = ()) -> None:
        self._logs = logs
        self._keep = keep
        self._children: dict[str, _Supervised] = {}
        self._given_up: asyncio.Queue[AscuaError] = asyncio.Queue()

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        ready: Ready | None = None,
        *,
        works: Works | None = None,
        cwd: Path | None = None,
        diagnose: Diagnosis | None = None,
        within: float = 60.0,
    ) -> None:
        """Start a child and return once it is ready; raises what made it hopeless, or Unavailable after `within`
        seconds. A child that could not be started is not kept."""
        if name in self._children:
            raise ValueError(f"there is a child named {name} already")
        it = self._children[name] = _Supervised(name, argv, env, cwd, ready, works, diagnose)
        given_up(self._logs, name).unlink(missing_ok=True)
        it.task = asyncio.create_task(self._keep_alive(it), name=f"supervise {name}")
        up = asyncio.create_task(it.up.wait())
        try:
            await asyncio.wait((up, it.task), timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if it.task.done():
                it.task.result()
            if not it.up.is_set():
                raise Unavailable(
                    "not-ready",
                    f"{name} did not answer within {within:g} s; see {self._logs / name}.log.{self._tail(it)}",
                )
        except BaseException:
            await self._end(it, grace=2.0)
            raise
        finally:
            up.cancel()
        it.task.add_done_callback(self._on_end)

    async def stop(self, within: float = 10.0) -> None:
        """Stop all children in reverse order of start, within `within` seconds; each leaves 1 s to those after it."""
        deadline = time.monotonic() + within
        while self._children:
            it = self._children[next(reversed(self._children))]
            left = deadline - time.monotonic() - (len(self._children) - 1)
            await self._end(it, grace=max(1.0 if within >= 1.0 else within, left))

    async def wait(self) -> None:
        """Wait until a child is given up, and raise why. Never returns otherwise."""
        raise await self._given_up.get()

    def pids(self) -> dict[str, int]:
        """The children alive now."""
        return {
            it.name: it.child.pid
            for it in self._children.values()
            if it.child is not None and it.child.returncode is None
        }

    def restarts(self) -> dict[str, int]:
        """How often each child was started again."""
        return {it.name: it.restarts for it in self._children.values()}

    async def _keep_alive(self, it: _Supervised) -> None:
        deaths = Deaths()
        while True:
            born = time.monotonic()
            try:
                child = await self._spawn(it)
            except (OSError, Unavailable) as error:
                if not it.up.is_set():
                    raise
                log.error("child_not_started", name=it.name, because=str(error))
                it.restarts += 1
                await asyncio.sleep(pause(it.restarts))
                continue
            code, stuck = await self._until_death(it, child)
            age = time.monotonic() - born
            log.error(
                "child_died",
                name=it.name,
                pid=child.pid,
                exit_code=code,
                age_seconds=round(age, 1),
                log=str(child.log_path),
                said=child.last_lines(1)[-_SAID:],
            )
            deaths.count(age, code, stuck)
            why = self._beyond_help(it, child, code, deaths)
            if why is not None and it.up.is_set() and await self._is_excused(it):
                log.error("child_waits", name=it.name)
                why = None
                deaths.excuse()
            if why is not None:
                log.error("child_given_up", name=it.name, exit_code=code, reason=why.sentence)
                with suppress(OSError):
                    given_up(self._logs, it.name).write_text(why.sentence)
                raise why
            it.restarts += 1
            await asyncio.sleep(pause(deaths.short))

    def _beyond_help(self, it: _Supervised, child: Child, code: int, deaths: Deaths) -> AscuaError | None:
        """Why it makes no sense to start it again; None while it does."""
        by_itself = deaths.quick > 0 and code != -signal.SIGKILL
        if it.diagnose and by_itself and (deaths.quick >= QUICK_DEATHS or not it.up.is_set()):
            why = it.diagnose(code, child.last_lines(60))
            if why is not None:
                return why
        if (times := deaths.too_many(it.up.is_set())) is None:
            return None
        return Unavailable(
            "child-given-up",
            f"{it.name} ended {times} times in a row soon after its start, with exit code {code}. "
            f"Its log {child.log_path} says:{self._tail(it)}",
        )

    async def _spawn(self, it: _Supervised) -> Child:
        starting = asyncio.ensure_future(
            Child.start(
                it.argv, log_path=self._logs / f"{it.name}.log", env=it.env, cwd=it.cwd, keep=self._keep
            )
        )
        try:
            it.child = await asyncio.shield(starting)
        except asyncio.CancelledError:  # it exists by now, or will: whoever cancelled wants to stop it
            with suppress(OSError, AscuaError):
                it.child = await starting
            raise
        return it.child

    async def _until_death(self, it: _Supervised, child: Child) -> tuple[int, bool]:
        """Tell when the child is ready; its exit code when it is gone, and whether it had to be made to end."""
        dead = asyncio.create_task(child.wait())
        ready = asyncio.ensure_future(it.ready()) if it.ready else None
        idle: asyncio.Task[str] | None = None
        try:
            if ready:
                # What was up before and does not come back in time does not work either.
                within = max(60.0, it.patience) if it.up.is_set() else None
                await asyncio.wait((ready, dead), return_when=asyncio.FIRST_COMPLETED, timeout=within)
                if ready.done():
                    ready.result()
            if not dead.done() and (ready is None or ready.done()):
                it.up.set()
                log.info("child_up", name=it.name, pid=child.pid)
            if it.works and it.up.is_set():
                idle = asyncio.create_task(self._idle(it, it.works))
                await asyncio.wait((idle, dead), return_when=asyncio.FIRST_COMPLETED)
                if not dead.done():
                    it.patience = min(_MOST_PATIENCE, 2 * it.patience)
                    log.error("child_stuck", name=it.name, pid=child.pid, because=idle.result())
                    await child.stop()
                    return await dead, True
            return await dead, False
        finally:
            for task in (ready, dead, idle):
                if task:
                    task.cancel()

    async def _is_excused(self, it: _Supervised) -> bool:
        """Whether a child that keeps dying is kept from its work by something else."""
        if it.works is None:
            return False
        try:
            async with asyncio.timeout(_ANSWER):
                return await it.works() is None
        except TimeoutError:
            return False

    async def _idle(self, it: _Supervised, works: Works) -> str:
        """Why a child has not worked for longer than it may."""
        worked = began = time.monotonic()
        while True:
            await asyncio.sleep(_LOOK)
            try:
                async with asyncio.timeout(_ANSWER):
                    why = await works()
            except TimeoutError:
                why = f"it did not answer within {_ANSWER:g} s"
            now = time.monotonic()
            if why is None:
                worked = now
                if now - began > max(SHORT, it.patience):
                    it.patience = _PATIENCE
            elif now - worked > it.patience:
                return why

    async def _end(self, it: _Supervised, grace: float) -> None:
        """Forget a child and stop it; it is not started again."""
        self._children.pop(it.name, None)
        if it.task is not None:
            it.task.remove_done_callback(self._on_end)
            it.task.cancel()
            await asyncio.wait((it.task,))
        if it.child is not None:
            await it.child.stop(grace)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if not isinstance(error, AscuaError):
            error = Unavailable("supervisor", f"Supervision ended: {error!r}.")
        self._given_up.put_nowait(error)

    def _tail(self, it: _Supervised) -> str:
        lines = it.child.last_lines() if it.child else ""
        return "".join(f"\n    {line}" for line in lines.splitlines())
