"""Plays a script through the public HTTP API, whatever is killed meanwhile, and remembers what was acknowledged."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import TracebackType
from typing import Any, Final

import httpx
import stamina
from pydantic import TypeAdapter

from cli.demo.script import REPS, Beat
from shared.commands.followup import (
    LogActivity,
)
from shared.commands.leads import (
    CaptureLead,
    ChangeStage,
    LoseLead,
    OfferLead,
    WinLead,
)
from shared.commands.signals import (
    SendSignal,
)
from shared.commands.tickets import (
    OpenTicket,
    ReplyTicket,
    ResolveTicket,
)
from shared.errors import AscuaError, Refused, Unavailable

PATIENCE: Final = 60.0
"""Seconds for which a request is repeated."""
AT_ONCE: Final = 16
"""Requests under way."""
_SIGNALS: Final = TypeAdapter(tuple[SendSignal, ...])


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens the gateway: for those who send leads, and for those who work with them."""

    channel: str
    rep: str
    code: str
    """Opens the pages once, as the rep."""
    reps: Mapping[str, str]
    """Of each rep their own: nobody logs in the name of another."""


class Door:
    """The gateway. What it does not answer, or cannot do now, it is asked again, with the same key or ids."""

    def __init__(
        self, url: str, patience: float = PATIENCE, on_failure: Callable[[str], None] = lambda _: None
    ):
        self.failures: Counter[str] = Counter()
        """Attempts that failed and were repeated, by why."""
        self._on_failure = on_failure
        self._patience = patience
        # A proxy of the outside world does not lead to it.
        self._client = httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(20, connect=3), trust_env=False)

    async def __aenter__(self) -> Door:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        key: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        """The answer's JSON. Raises `Unavailable` when patience has run out, and `Refused` for a refusal."""
        attempts = stamina.retry_context(
            on=self._is_passing, attempts=None, timeout=self._patience, wait_initial=0.1, wait_max=2.0
        )
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})}
        try:
            async for attempt in attempts:
                with attempt:
                    answer = await self._client.request(
                        method, path, content=body, headers=headers, params=params
                    )
                    if answer.status_code in (408, 429) or answer.status_code >= 500:
                        raise _Passing(_detail(answer))
        except (httpx.TransportError, _Passing) as error:
            raise Unavailable(
                "gateway-away", f"the gateway does not do {method} {path} for {self._patience:.0f} s: {error}"
            ) from error
        if not answer.is_success:
            raise Refused("refused", f"{method} {path} is answered {answer.status_code}: {_detail(answer)}")
        return answer.json()

    def _is_passing(self, error: Exception) -> bool:
        if not isinstance(error, httpx.TransportError | _Passing):
            return False
        why = str(error) or type(error).__name__
        self.failures[why] += 1
        self._on_failure(why)
        return True


class _Passing(Exception):
    """An answer that will be another one later."""


@dataclass(frozen=True, slots=True)
class PlayedBeat:
    """A beat that was sent. One that was not acknowledged may have taken effect, or not."""

    beat: Beat
    acknowledged: bool


class Player:
    """Beats of one lead go one after the other, those of several at once."""

    def __init__(
        self, door: Door, keys: Keys, beats: Iterator[Beat], on_trouble: Callable[[str], None]
    ) -> None:
        self.played: list[PlayedBeat] = []
        self._door, self._keys, self._on_trouble = door, keys, on_trouble
        self._beats = beats
        self._tickets: dict[str, str] = {}
        self._left: set[str] = set()
        self._last: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    @property
    def leads(self) -> int:
        return sum(isinstance(each.beat.what, CaptureLead) for each in self.played if each.acknowledged)

    async def prologue(self) -> None:
        """Play what lies before the curtain, as fast as it goes."""
        for beat in self._beats:
            if beat.offset >= 0:
                self._beats = chain([beat], self._beats)
                break
            await self._begin(beat)
        await self._finish()

    async def go_on(self, speed: float, ended: asyncio.Event) -> None:
        """Play on until `ended`, the beats at their times; what is late, because somebody was away, is caught up."""
        began = time.monotonic()
        for beat in self._beats:
            try:
                async with asyncio.timeout_at(
                    asyncio.get_running_loop().time() + began + beat.offset / speed - time.monotonic()
                ):
                    await ended.wait()
            except TimeoutError:
                await self._begin(beat)
            if ended.is_set():
                break
        await self._finish()

    async def _begin(self, beat: Beat) -> None:
        await self._places.acquire()
        before = self._last.get(beat.lead_id)
        task = self._last[beat.lead_id] = asyncio.create_task(self._play(beat, before))
        task.add_done_callback(lambda done: self._done(beat.lead_id, done))

    def _done(self, lead_id: str, task: asyncio.Task[None]) -> None:
        self._places.release()
        if self._last.get(lead_id) is task:
            del self._last[lead_id]

    async def _finish(self) -> None:
        while self._last:
            await asyncio.gather(*self._last.values())

    async def _play(self, beat: Beat, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        if beat.lead_id in self._left:
            return
        try:
            await self._send(beat)
            self.played.append(PlayedBeat(beat, acknowledged=True))
        except AscuaError as error:
            # What comes later in this lead's day may rest on this.
            self._left.add(beat.lead_id)
            self.played.append(PlayedBeat(beat, acknowledged=False))
            self._on_trouble(error.sentence)

    async def _send(self, beat: Beat) -> None:
        path, key = self._where(beat)
        body = (
            _SIGNALS.dump_json(beat.what, exclude_none=True)
            if isinstance(beat.what, tuple)
            else beat.what.model_dump_json(exclude_none=True).encode()
        )
        # The request id is the correlation id of the facts that follow: by it the audit knows them.
        headers = {"Idempotency-Key": beat.key, "X-Request-Id": beat.key}
        answer = await self._door.ask("POST", path, key, body=body, headers=headers)
        if isinstance(beat.what, OpenTicket):
            self._tickets[beat.key] = answer["id"]

    def _where(self, beat: Beat) -> tuple[str, str]:
        """The path, and the key that opens it."""
        lead, ticket = f"/v1/leads/{beat.lead_id}", self._tickets.get(beat.ticket or "", "")
        match beat.what:
            case CaptureLead():
                return "/v1/leads", self._keys.channel
            case tuple():
                return "/v1/signals", self._keys.channel
            case OpenTicket():
                return "/v1/tickets", self._keys.channel
            case ReplyTicket():
                return f"/v1/tickets/{ticket}/replies", self._keys.rep
            case ResolveTicket():
                return f"/v1/tickets/{ticket}/resolution", self._keys.rep
            case LogActivity():
                return f"{lead}/activities", self._keys.reps[beat.what.rep or REPS[0]]
            case ChangeStage():
                return f"{lead}/stage", self._keys.rep
            case OfferLead():
                return f"{lead}/offers", self._keys.rep
            case WinLead():
                return f"{lead}/won", self._keys.rep
            case LoseLead():
                return f"{lead}/lost", self._keys.rep
        raise AssertionError(f"nobody plays {type(beat.what).__name__}")


def _detail(answer: httpx.Response) -> str:
    """What RFC 9457 problem details say, if that is what came."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.reason_phrase}"
