"""`ascua`: the command line.

Every command prints its result on stdout (with `--json` one JSON document and nothing else), tells what it is doing
on stderr, and ends with 0 (done), 1 (done with losses or refusals), 2 (wrong usage) or 69 (a server cannot be
reached). What is slow to import is imported by the command that needs it.
"""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from cli import digests, dlq, doctor, heat, keys, playbooks, rules, run, sla, topics
from shared.errors import AscuaError, exit_code

_ELSEWHERE = (
    ("import", "cli.imports.command", "import_file"),
    ("demo", "cli.demo.command", "demo"),
)
"""Commands that live with what they do: name, module, function. The modules import what is slow when called."""


def program() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="ascua",
        help="Keeps every lead warm: events in, heat out, and who to call now, with the reasons.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        epilog="Example: ascua run all",
    )
    run.add_to(app)
    heat.add_to(app)
    rules.add_to(app)
    playbooks.add_to(app)
    sla.add_to(app)
    for name, module, function in _ELSEWHERE:
        command = getattr(import_module(module), function)
        app.command(name, epilog=getattr(command, "epilog", None))(command)
    topics.add_to(app)
    keys.add_to(app)
    dlq.add_to(app)
    doctor.add_to(app)
    digests.add_to(app)
    return app


def main() -> None:
    try:
        program()()
    except AscuaError as error:
        sys.stderr.write(f"ascua: {error.sentence}\n")
        sys.exit(exit_code(error))
