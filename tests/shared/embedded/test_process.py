"""Children end with their parent, whatever ends it; a supervisor keeps them alive until that is hopeless."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from shared.embedded import Child, Supervisor, deaths, process
from shared.embedded.guard import LOG_LIMIT
from shared.embedded.process import given_up
from shared.errors import AscuaError, Refused, Unavailable
from tests.waiting import HANG, until

REPOSITORY = Path(__file__).parents[3]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(tmp_path)
    yield supervisor
    await supervisor.stop(within=2)


async def test_a_child_writes_to_its_log_and_tells_how_it_ended(tmp_path: Path) -> None:
    child = await Child.start(
        shell("pwd; echo $WHO; echo loud >&2; exit 7"),
        log_path=tmp_path / "log",
        env={"WHO": "ana"},
        cwd=tmp_path,
    )

    assert await child.wait() == child.returncode == 7
    assert child.last_lines() == f"{tmp_path}\nana\nloud"


async def test_a_program_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await Child.start(["/no/such/program"], log_path=tmp_path / "log")


async def test_a_child_is_asked_to_end_before_it_is_made_to(tmp_path: Path) -> None:
    polite = await Child.start(
        shell("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.02; done"),
        log_path=tmp_path / "polite",
    )
    deaf = await Child.start(
        shell("trap '' TERM; echo up; while :; do sleep 0.02; done"), log_path=tmp_path / "deaf"
    )
    await until(lambda: polite.last_lines() and deaf.last_lines())

    assert await polite.stop(grace=5) == 3
    assert polite.last_lines().endswith("bye")
    assert await deaf.stop(grace=0.1) == -signal.SIGKILL
    assert await deaf.stop() == -signal.SIGKILL


async def test_grandchildren_end_with_a_child_that_was_killed(tmp_path: Path) -> None:
    child = await Child.start(shell("sleep 60 & echo $!; wait"), log_path=tmp_path / "log")
    await until(child.last_lines)
    grandchild = int(child.last_lines())

    os.kill(child.pid, signal.SIGKILL)

    assert await child.wait() == -signal.SIGKILL
    await until(lambda: not alive(grandchild))


async def test_a_child_and_its_children_end_with_a_guard_that_was_killed(tmp_path: Path) -> None:
    child = await Child.start(shell("echo $PPID; sleep 60 & echo $!; wait"), log_path=tmp_path / "log")
    await until(lambda: len(child.last_lines().split()) == 2)
    guard, grandchild = map(int, child.last_lines().split())

    os.kill(guard, signal.SIGKILL)

    assert await child.wait() == -signal.SIGKILL
    await until(lambda: not alive(child.pid) and not alive(grandchild))


async def test_a_parent_that_was_killed_leaves_no_process(tmp_path: Path) -> None:
    script = f"""
import asyncio
from pathlib import Path
from shared.embedded import Child
async def main():
    child = await Child.start(["/bin/sh", "-c", "echo $PPID; echo $$; sleep 60 & echo $!; wait"],
                              log_path=Path({str(tmp_path / "log")!r}))
    await child.wait()
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=REPOSITORY)
    log = tmp_path / "log"
    await until(lambda: log.exists() and len(log.read_text().split()) == 3)
    family = [int(pid) for pid in log.read_text().split()]
    assert all(map(alive, family))

    parent.kill()
    await parent.wait()

    await until(lambda: not any(map(alive, family)))


async def test_a_child_that_dies_is_started_again(supervisor: Supervisor) -> None:
    await supervisor.start("sleeper", ["sleep", "60"])
    await supervisor.start("bystander", ["sleep", "60"])
    first = supervisor.pids()

    os.kill(first["sleeper"], signal.SIGKILL)

    await until(lambda: supervisor.pids().get("sleeper", first["sleeper"]) != first["sleeper"])
    assert supervisor.pids()["bystander"] == first["bystander"]
    assert supervisor.restarts() == {"sleeper": 1, "bystander": 0}


async def test_a_start_returns_once_the_child_is_ready(supervisor: Supervisor, tmp_path: Path) -> None:
    async def ready() -> None:
        await until((tmp_path / "ready").exists)

    await supervisor.start("slow", shell("sleep 0.2; touch ready; sleep 60"), ready=ready, cwd=tmp_path)

    assert (tmp_path / "ready").exists()


async def test_a_child_that_never_gets_ready_is_unavailable_and_stopped(supervisor: Supervisor) -> None:
    with pytest.raises(Unavailable, match=r"(?s)mute did not answer within 0\.2 s.*still loading"):
        await supervisor.start(
            "mute", shell("echo still loading; sleep 60"), ready=asyncio.Event().wait, within=0.2
        )

    assert supervisor.pids() == {}


@pytest.mark.parametrize("code", [2, 69, 78])
async def test_a_child_that_cannot_be_configured_is_given_up_with_its_last_words(
    supervisor: Supervisor, code: int
) -> None:
    with pytest.raises(Unavailable, match=f"(?s)5 times in a row .* exit code {code}.*no such topic"):
        await supervisor.start(
            "stray", shell(f"echo no such topic; exit {code}"), ready=asyncio.Event().wait, within=10
        )


async def test_a_child_given_up_later_ends_the_wait(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start("stray", shell("test -e broken && exit 78; sleep 60"), cwd=tmp_path)
    (tmp_path / "broken").touch()

    os.kill(supervisor.pids()["stray"], signal.SIGKILL)

    with pytest.raises(Unavailable, match="stray ended 5 times"):
        await asyncio.wait_for(supervisor.wait(), HANG)
    assert supervisor.pids() == {}


async def test_a_child_that_crashes_early_is_started_again_ever_more_slowly(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    births = tmp_path / "births"
    with capture_logs() as told:
        await supervisor.start("crasher", shell(f"date +%s.%N >>{births}; echo no such module; exit 1"))

        await until(lambda: births.exists() and len(births.read_text().split()) == 6)

    (death, *_) = (line for line in told if line["event"] == "child_died")
    assert (death["exit_code"], death["said"]) == (1, "no such module")
    assert death["log"] == str(tmp_path / "crasher.log")

    times = [float(line) for line in births.read_text().split()]
    assert times[5] - times[4] > 0.7 > times[1] - times[0]


async def test_what_a_child_says_is_kept_within_bounds_while_it_runs(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    shouting = f"head -c {3 * LOG_LIMIT} /dev/zero | tr '\\0' 'x'; echo; echo end; exec sleep 60"
    await supervisor.start("shouter", shell(shouting))
    log = tmp_path / "shouter.log"

    await until(lambda: log.exists() and log.read_bytes().endswith(b"\nend\n"))

    assert log.stat().st_size <= LOG_LIMIT
    assert log.with_name("shouter.log.1").stat().st_size <= LOG_LIMIT
    assert sorted(os.listdir(tmp_path)) == ["shouter.log", "shouter.log.1"]  # noqa: PTH208


async def test_a_child_that_is_up_and_does_not_work_is_started_again(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_LOOK", 0.02)
    monkeypatch.setattr(process, "_PATIENCE", 0.1)
    broken = tmp_path / "broken"

    async def works() -> str | None:
        return "it sleeps" if broken.exists() else None

    with capture_logs() as told:
        await supervisor.start("sleeper", ["sleep", "60"], works=works)
        first = supervisor.pids()["sleeper"]
        broken.touch()
        await until(lambda: supervisor.pids().get("sleeper", first) != first)
    (stuck, *_) = (line for line in told if line["event"] == "child_stuck")
    assert (stuck["pid"], stuck["because"]) == (first, "it sleeps")


async def test_a_child_that_keeps_dying_is_given_up_unless_something_else_keeps_it_from_its_work(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deaths, "BACKOFF", 0.02)
    full, broken, births = tmp_path / "full", tmp_path / "broken", tmp_path / "births"

    async def works() -> str | None:
        return None if full.exists() else "it is away"

    script = f"echo >>{births}; test -e {broken} && {{ echo poison; exit 1; }}; exec sleep 60"
    await supervisor.start("stray", shell(script), works=works)
    full.touch()
    broken.touch()
    os.kill(supervisor.pids()["stray"], signal.SIGKILL)
    await until(lambda: births.exists() and births.stat().st_size > 2 * deaths.SHORT_LIVES)
    assert not given_up(tmp_path, "stray").exists()
    full.unlink()

    with pytest.raises(Unavailable, match=r"(?s)stray ended \d+ times in a row .*poison"):
        await asyncio.wait_for(supervisor.wait(), HANG)
    assert "poison" in given_up(tmp_path, "stray").read_text()


async def test_a_diagnosis_ends_a_start_with_its_own_sentence(supervisor: Supervisor) -> None:
    def diagnose(code: int, output: str) -> AscuaError | None:
        return Refused("no-room", "Make room.") if (code, output) == (1, "disk full") else None

    with pytest.raises(Refused, match="Make room"):
        await supervisor.start(
            "writer", shell("echo disk full; exit 1"), ready=asyncio.Event().wait, diagnose=diagnose
        )


async def test_children_stop_in_reverse_order_and_in_time(tmp_path: Path) -> None:
    supervisor, order = Supervisor(tmp_path), tmp_path / "order"
    for name in ("first", "second", "third"):
        # The second is deaf and must not cost the first its farewell.
        farewell = "" if name == "second" else f"echo {name} >>{order}; exit 0"
        await supervisor.start(
            name, shell(f"trap '{farewell}' TERM; touch {name}; while :; do sleep 0.02; done"), cwd=tmp_path
        )
        await until((tmp_path / name).exists)

    began = time.monotonic()
    await supervisor.stop(within=3)

    assert order.read_text().split() == ["third", "first"]
    assert time.monotonic() - began < 4
    assert supervisor.pids() == {}
