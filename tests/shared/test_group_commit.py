"""Many callers, one write: each gets its own answer, in order, and an error reaches those whose write it was."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.errors import Unavailable
from shared.group_commit import MOST, GroupCommit

BAD = -1


class Store:
    """Writes when it is let, and remembers what came together."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.open = asyncio.Event()

    async def write(self, asked: Sequence[int]) -> list[int]:
        self.groups.append(list(asked))
        await self.open.wait()
        if BAD in asked:
            raise Unavailable("away", "try again")
        return [2 * each for each in asked]


async def asking(commit: GroupCommit[int, int], numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    tasks = [asyncio.ensure_future(commit(number)) for number in numbers]
    await asyncio.sleep(0)  # they have asked
    await asyncio.sleep(0)  # and the first write is under way
    return tasks


async def test_what_is_asked_while_a_write_is_under_way_goes_together_with_the_next() -> None:
    store = Store()
    commit = GroupCommit(store.write)
    first = await asking(commit, [1])
    others = await asking(commit, range(2, 2 * MOST))
    store.open.set()
    assert await asyncio.gather(*first, *others) == [2 * each for each in range(1, 2 * MOST)]
    assert [len(group) for group in store.groups] == [1, MOST, MOST - 2]
    assert [number for group in store.groups for number in group] == list(range(1, 2 * MOST))


async def test_an_error_is_raised_to_those_of_its_write_alone_and_the_next_write_goes_on() -> None:
    store = Store()
    commit = GroupCommit(store.write)
    first, bad = await asking(commit, [1]), await asking(commit, [BAD, 14])
    store.open.set()
    assert await first[0] == 2
    for each in bad:
        with pytest.raises(Unavailable):
            await each
    assert await commit(3) == 6


async def test_who_is_gone_keeps_nobody_from_an_answer() -> None:
    store = Store()
    commit = GroupCommit(store.write)
    first, others = await asking(commit, [1]), await asking(commit, [2, 3])
    others[0].cancel()
    store.open.set()
    assert (await first[0], await others[1]) == (2, 6)
