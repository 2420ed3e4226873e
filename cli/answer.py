"""What a command says: its result on stdout, what it is doing on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else.")]


def answer(document: Mapping[str, Any], as_json: bool, draw: Callable[[Console], None]) -> None:
    """Print a result: the document itself, or what `draw` makes of it for a person."""
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        return
    from rich.console import Console

    # A pipe has no width, and nothing may be cut off in it.
    draw(Console(highlight=False, width=None if sys.stdout.isatty() else 200))


def tell(line: str) -> None:
    """A line about the work, for whoever watches; lost when it cannot be written."""
    with suppress(OSError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def tell_events(level: str = "ERROR") -> None:
    """Send what parts of this process log to stderr, a sentence a line; stdout is for the result alone."""
    import logging

    import structlog

    from shared.logs import lossy
    from shared.redaction import redact_event

    logging.basicConfig(stream=sys.stderr, level=logging.CRITICAL, format="%(message)s", force=True)
    structlog.configure(
        processors=[redact_event, _sentence],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(lossy(sys.stderr)),
    )


_SENTENCES = {
    "child_up": "{name} is up (process {pid})",
    "child_died": "{name} (process {pid}) ended with {exit_code} after {age_seconds} s; {log} ends with: {said}",
    "child_not_started": "{name} could not be started ({because}): tried again",
    "child_waits": "{name} is kept from its work by something else (a full disk, a server that is away): it waits",
    "child_stuck": "{name} (process {pid}) is up and does not work ({because}): it is started again",
    "child_given_up": "{name} is given up: {reason}",
}


def _sentence(_: object, __: str, event: Mapping[str, Any]) -> str:
    name, fields = str(event["event"]), {key: value for key, value in event.items() if key != "event"}
    if name in _SENTENCES:
        return _SENTENCES[name].format(**fields)
    return " ".join([name, *(f"{key}={value}" for key, value in fields.items())])
