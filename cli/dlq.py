"""`ascua dlq`: the dead letters, listed, shown and sent back to the consumers that could not handle them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.answer import AsJson, answer

if TYPE_CHECKING:
    from shared.bus.dead_letters import DeadLetter
    from shared.bus.publisher import Publisher

Consumer = Annotated[str | None, typer.Option(help="Only those of this consumer.", show_default=False)]


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        help="Dead letters: records that a consumer could not handle.",
        no_args_is_help=True,
        epilog="Example: ascua dlq list",
    )
    group.command("list", epilog="Example: ascua dlq list --consumer followup")(list_letters)
    group.command(epilog="Example: ascua dlq show followup/leads/0/17")(show)
    group.command(epilog="Example: ascua dlq replay --consumer followup")(replay)
    group.command(epilog="Example: ascua dlq discard signals/signals/0/17")(discard)
    app.add_typer(group, name="dlq")


def list_letters(consumer: Consumer = None, as_json: AsJson = False) -> None:
    """List the letters that were not sent back yet, in the order of the log."""
    letters = asyncio.run(_open(consumer))

    def draw(console: Any) -> None:
        from rich.table import Table

        from shared.bus.dead_letters import WAITS

        waiting = sum(letter.reason == WAITS for letter in letters)
        title = f"{len(letters)} dead letters, {waiting} of them wait behind another of their aggregate"
        table = Table("letter", "reason", "what is wrong", "at", title=title)
        for letter in letters:
            table.add_row(letter.name, letter.reason, letter.sentence, letter.at)
        console.print(table)

    answer({"open": len(letters), "letters": [_summary(letter) for letter in letters]}, as_json, draw)


def show(
    letter: Annotated[
        str, typer.Argument(help="Its name: consumer/topic/partition/offset.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Show a letter with the record's bytes as they were."""
    (found,) = _chosen(asyncio.run(_open(None)), [letter])
    document = {**_summary(found), "key": found.key, "original": base64.b64encode(found.original).decode()}

    def draw(console: Any) -> None:
        for name, value in _summary(found).items():
            console.print(f"{name:>9}  {value}", markup=False)
        console.print(_readable(found.original), markup=False)

    answer(document, as_json, draw)


def replay(
    letters: Annotated[list[str] | None, typer.Argument(help="Their names.", show_default=False)] = None,
    consumer: Consumer = None,
    everything: Annotated[bool, typer.Option("--all", help="All letters of all consumers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send letters back, in order, to the consumer that could not handle them and to no other.

    Do it after the cause is mended: a letter that fails again comes back. Of an aggregate those before a named letter
    go along, because it waits behind them.
    """
    _one_of(letters, consumer, everything)
    replayed = asyncio.run(_replay(letters or [], consumer))
    document = {"replayed": len(replayed), "letters": [letter.name for letter in replayed]}
    answer(document, as_json, lambda console: console.print(f"{len(replayed)} letters sent back"))


def discard(
    letters: Annotated[list[str] | None, typer.Argument(help="Their names.", show_default=False)] = None,
    consumer: Consumer = None,
    everything: Annotated[bool, typer.Option("--all", help="All letters of all consumers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Close letters without sending them back. What waits behind a discarded letter of its aggregate waits on."""
    _one_of(letters, consumer, everything)
    discarded = asyncio.run(_discard(letters or [], consumer))
    document = {"discarded": len(discarded), "letters": [letter.name for letter in discarded]}
    answer(document, as_json, lambda console: console.print(f"{len(discarded)} letters discarded"))


def _one_of(letters: list[str] | None, consumer: str | None, everything: bool) -> None:
    if (bool(letters), consumer is not None, everything).count(True) != 1:
        raise typer.BadParameter("name the letters, or a --consumer, or --all: one of the three")


async def _open(consumer: str | None) -> list[DeadLetter]:
    from cli.system import servers
    from shared.bus.cluster import Cluster
    from shared.bus.dead_letter_topic import open_dead_letters

    async with servers() as found:
        await Cluster(found.topics).check()
        return await open_dead_letters(found.topics, consumer)


async def _replay(names: list[str], consumer: str | None) -> list[DeadLetter]:
    from shared.bus.dead_letter_topic import replay as send_back
    from shared.bus.dead_letters import with_predecessors

    return await _close(names, consumer, with_predecessors, send_back)


async def _discard(names: list[str], consumer: str | None) -> list[DeadLetter]:
    from shared.bus.dead_letter_topic import discard as close

    return await _close(names, consumer, lambda chosen, _: chosen, close)


async def _close(
    names: list[str],
    consumer: str | None,
    choose: Callable[[list[DeadLetter], list[DeadLetter]], list[DeadLetter]],
    close: Callable[[Publisher, list[DeadLetter]], Awaitable[int]],
) -> list[DeadLetter]:
    from cli.system import servers
    from shared.bus.cluster import Cluster
    from shared.bus.dead_letter_topic import open_dead_letters
    from shared.bus.publisher import Publisher

    async with servers() as found:
        await Cluster(found.topics).check()
        letters = await open_dead_letters(found.topics, consumer)
        if names:
            letters = choose(_chosen(letters, names), letters)
        publisher = Publisher(found.topics)
        await publisher.start()
        try:
            await close(publisher, letters)
        finally:
            await publisher.stop()
    return letters


def _chosen(letters: list[DeadLetter], names: list[str]) -> list[DeadLetter]:
    """Those with these names, in the order of the log. Raises NotFound when one does not exist."""
    from shared.errors import NotFound

    if unknown := set(names) - {letter.name for letter in letters}:
        raise NotFound(
            "letter-not-found",
            f"there is no dead letter {', '.join(sorted(unknown))}; `ascua dlq list` shows those there are",
        )
    return [letter for letter in letters if letter.name in names]


def _summary(letter: DeadLetter) -> dict[str, Any]:
    return {
        "letter": letter.name,
        "consumer": letter.consumer,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": letter.reason,
        "sentence": letter.sentence,
        "at": letter.at,
    }


def _readable(original: bytes) -> str:
    try:
        return json.dumps(json.loads(original), indent=2, ensure_ascii=False)
    except ValueError:
        return repr(original)
