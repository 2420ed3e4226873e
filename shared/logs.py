"""Structured logs: an event name and fields, one JSON object a line, the correlation id always bound.

Never personal data: fields are ids, counts, durations and slugs, and errors are told without their words.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TextIO, cast

import structlog

from shared.events.base import Trace
from shared.redaction import RedactRecord, redact_crashes, redact_event

_NO_TRACE = Trace()
_trace: ContextVar[Trace] = ContextVar("trace", default=_NO_TRACE)


class _Lossy:
    """Loses what it cannot write: a full disk must not make those fail who tell of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def lossy(stream: TextIO) -> TextIO:
    """The same stream, for what is not worth an error when it cannot be written."""
    return cast("TextIO", _Lossy(stream))


def configure(service: str, level: str = "INFO") -> None:
    """Send structlog and the libraries' logging to stderr as JSON lines."""
    stamps: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact_event,
    ]
    stderr = lossy(sys.stderr)
    structlog.configure(
        processors=[*stamps, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(stderr),
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(stderr)
    handler.addFilter(RedactRecord())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(),
            foreign_pre_chain=[*stamps, structlog.stdlib.add_logger_name],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    redact_crashes(lambda event, error: logger().error(event, exc_info=error))


def logger() -> structlog.typing.FilteringBoundLogger:
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return log


def current_trace() -> Trace:
    """The trace of what is being done now; new facts carry it on."""
    return _trace.get()


@contextmanager
def tracing(trace: Trace) -> Iterator[None]:
    """Bind a trace for the length of a block."""
    token = _trace.set(trace)
    try:
        with structlog.contextvars.bound_contextvars(correlation_id=trace.correlation_id):
            yield
    finally:
        _trace.reset(token)
