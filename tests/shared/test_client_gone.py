"""Who asks and leaves ends the asking; who commands and leaves does not."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.client_gone import Abandoned
from tests.waiting import until


class Work:
    """An application that works until somebody lets it end."""

    def __init__(self) -> None:
        self.begun = False
        self.cancelled = False
        self.end = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun = True
        try:
            await receive()
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        await send({"type": "http.response.start", "status": 200, "headers": []})


class Client:
    def __init__(self) -> None:
        self.says: asyncio.Queue[Message] = asyncio.Queue()
        self.heard: list[Message] = []
        self.says.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    async def hear(self, message: Message) -> None:
        self.heard.append(message)

    def leave(self) -> None:
        self.says.put_nowait({"type": "http.disconnect"})


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
async def test_a_question_ends_with_its_client_and_a_command_does_not(method: str) -> None:
    work, client = Work(), Client()
    answer = asyncio.create_task(
        Abandoned(work)({"type": "http", "method": method}, client.says.get, client.hear)
    )
    await until(lambda: work.begun)
    client.leave()
    if method in ("GET", "HEAD"):
        await answer
        assert (work.cancelled, client.heard) == (True, [])
    else:
        work.end.set()
        await answer
        assert (work.cancelled, len(client.heard)) == (False, 1)


async def test_who_stays_gets_the_answer() -> None:
    work, client = Work(), Client()
    work.end.set()

    await Abandoned(work)({"type": "http", "method": "GET"}, client.says.get, client.hear)

    assert [message["type"] for message in client.heard] == ["http.response.start"]


async def test_a_failure_is_not_swallowed() -> None:
    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("as it is")

    client = Client()
    with pytest.raises(ValueError, match="as it is"):
        await Abandoned(fail)({"type": "http", "method": "GET"}, client.says.get, client.hear)
