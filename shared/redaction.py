"""Errors as logs tell them: of which kind, from where, and not a word of what they say.

What an error of the driver, of pydantic or of a parser says is made of what it was given, and that may be somebody's
note. So a log has its type, its slug or code, and the lines that it came through.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from traceback import walk_tb

from pydantic import ValidationError
from structlog.typing import EventDict, WrappedLogger

FRAMES = 12
"""Lines of code told of one error, the innermost ones."""


def kind(error: BaseException) -> str:
    """`pymongo.errors.WriteError(10334)`: the type and, where it has one, the slug or code."""
    type_ = type(error)
    code: object = (
        getattr(error, "slug", None) or getattr(error, "code", None) or getattr(error, "errno", None)
    )
    if isinstance(error, ValidationError):
        types = sorted({each["type"] for each in error.errors(include_input=False, include_context=False)})
        code = ",".join(types[:5])
    name = f"{type_.__module__}.{type_.__qualname__}".removeprefix("builtins.")
    return f"{name}({code})" if isinstance(code, int | str) else name


def trail(error: BaseException) -> str:
    """The error's kind and where it passed, from the innermost line; then the same of what caused it."""
    return "; because of ".join(f"{kind(each)}{_lines(each)}" for each in _causes(error))


def redact_event(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A structlog processor: no error in an event is told in its own words."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    elif error and not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    told = {name: kind(value) if isinstance(value, BaseException) else value for name, value in event.items()}
    return {**told, "exception": trail(error)} if isinstance(error, BaseException) else told


class RedactRecord(logging.Filter):
    """For what libraries log: errors among the arguments by their kind, and of a message its first line.

    asyncio and uvicorn put a task's or a request's error, in its own words, into the lines that follow.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_plain(each) for each in record.args)
        elif record.args:
            record.args = {name: _plain(each) for name, each in record.args.items()}
        first, *others = record.getMessage().split("\n")
        if others and first.startswith("Traceback"):
            first += f" {others[-1 if others[-1] else -2].partition(':')[0]}"
        record.msg, record.args = first.partition("<")[0] if record.name == "asyncio" else first, ()
        return True


def _plain(argument: object) -> object:
    return kind(argument) if isinstance(argument, BaseException) else argument


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or any(each is one for one in seen):
            continue
        seen.append(each)
        yield each
        waiting.append(each.__cause__ or (None if each.__suppress_context__ else each.__context__))
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def _lines(error: BaseException) -> str:
    lines = [
        f"{'/'.join(Path(frame.f_code.co_filename).parts[-3:])}:{line} {frame.f_code.co_name}"
        for frame, line in walk_tb(error.__traceback__)
    ]
    return "".join(f" < {each}" for each in reversed(lines[-FRAMES:]))


def redact_crashes(log: Callable[[str, BaseException | None], None]) -> None:
    """Tell by `log` what ends the process or a thread, or is lost in a destructor, instead of printing it."""
    sys.excepthook = lambda _, error, __: log("crashed", error)
    threading.excepthook = lambda failed: log("thread_crashed", failed.exc_value)
    sys.unraisablehook = lambda lost: log("error_lost", lost.exc_value)
