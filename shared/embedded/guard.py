"""The process that stands between a parent and one child, so that the child never outlives the parent.

It is run as a script with the path of a log and the child's command line as its arguments. What the child says goes
to the end of that log, which is put aside when it grows long; what cannot be written is lost.

Its stdin is a pipe from the parent: a line
with a number of seconds asks to stop the child within that time; its end means that the parent is gone. Its stdout
is a pipe to the parent: `pid N` or `error ERRNO` first, `exit CODE` last. The child leads a session of its own,
and whatever is left of its process group when it ends is killed. On Linux the child also dies with this process.

It imports little, because one runs beside every child.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

ORPHAN_GRACE = 2.0  # seconds between SIGTERM and SIGKILL when the parent is gone
PR_SET_PDEATHSIG = 1
LOG_LIMIT = 10_000_000  # bytes of a log before it is put aside; what was aside before is gone


def main(argv: list[str]) -> int:
    wake, notify = os.pipe()
    os.set_blocking(notify, False)
    signal.set_wakeup_fd(notify)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)

    path, *command = argv
    said, saying = os.pipe()
    os.set_blocking(said, False)
    child, errno = spawn(command, saying)
    os.close(saying)
    if errno:
        tell(f"error {errno}")
        return 1
    tell(f"pid {child}")
    log = ChildLog(path)
    code = watch(child, wake, said, log)
    log.take(said)
    tell(f"exit {code}")
    return 0


class ChildLog:
    """The end of what a child says."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file: int | None = None
        self.size = 0

    def take(self, said: int) -> bool:
        """Write what waits in the pipe, but not for ever; False once nobody holds its other end."""
        for _ in range(64):
            try:
                words = os.read(said, 65_536)
            except BlockingIOError:
                break
            if not words:
                return False
            with contextlib.suppress(OSError):  # a full disk must not stop whoever speaks
                self.write(words)
        return True

    def write(self, words: bytes) -> None:
        if self.file is None or self.size + len(words) > LOG_LIMIT:
            self.open()
        assert self.file is not None
        self.size += os.write(self.file, words)

    def open(self) -> None:
        if self.file is not None:
            os.close(self.file)
            self.file = None
            os.replace(self.path, f"{self.path}.1")  # noqa: PTH105 - imports little
        self.file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.size = os.fstat(self.file).st_size
        if self.size > LOG_LIMIT // 2:  # of an earlier child
            self.open()


def spawn(argv: list[str], saying: int) -> tuple[int, int]:
    """The child's pid and 0, or the number of the error that kept it from starting."""
    failed, report = os.pipe()  # closed by a successful exec
    guard = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            if prctl:
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != guard:
                    os._exit(1)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(saying, 1)
            os.dup2(saying, 2)
            os.execvp(argv[0], argv)  # noqa: S606
        except OSError as error:
            os.write(report, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(report)
    errno = int(os.read(failed, 16) or 0)
    os.close(failed)
    if errno:
        os.waitpid(child, 0)
    return child, errno


def watch(child: int, wake: int, said: int, log: ChildLog) -> int:
    """The child's exit code (negative for a signal), once it ended by itself or was stopped."""
    lifeline: int | None = 0
    speaks = True
    deadline: float | None = None
    while (code := reap(child)) is None:
        patience = None if deadline is None else max(0.0, deadline - time.monotonic())
        heard = [wake, *([said] if speaks else []), *([] if lifeline is None else [lifeline])]
        readable, _, _ = select.select(heard, [], [], patience)
        if said in readable:
            speaks = log.take(said)
        if wake in readable and set(os.read(wake, 512)) - {signal.SIGCHLD} and deadline is None:
            deadline = stop(child, ORPHAN_GRACE)
        if lifeline is not None and lifeline in readable:
            line = os.read(lifeline, 512)
            if not line:
                lifeline = None
            if deadline is None:
                deadline = stop(child, float(line.split()[0]) if line else ORPHAN_GRACE)
            elif line:
                deadline = min(deadline, time.monotonic() + float(line.split()[-1]))
        if deadline is not None and time.monotonic() >= deadline:
            signal_group(child, signal.SIGKILL)
            deadline = time.monotonic() + 1.0
    return code


def reap(child: int) -> int | None:
    """The exit code, once the child has ended; what is left of its group ends too."""
    if hasattr(os, "waitid"):  # not on macOS before Python 3.13
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        signal_group(child, signal.SIGKILL)  # the zombie still holds the group's id, so it is nobody else's
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid == 0:
        return None
    signal_group(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


def stop(child: int, grace: float) -> float:
    """Ask the group to end; the monotonic instant after which it is made to."""
    signal_group(child, signal.SIGTERM)
    return time.monotonic() + grace


def signal_group(leader: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM of a group of zombies
        os.killpg(leader, number)


def tell(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
