"""Nothing that a person wrote reaches a log, whatever fails."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import httpx
import pytest

from tests.conftest import System
from tests.names import drawn

WORDS = "MARKER-my-heater-smokes"

PROGRAM = r'''
import asyncio, gc, json, logging, sys, threading
from dataclasses import dataclass

import httpx
import structlog
from bson.errors import InvalidDocument
from fastapi import APIRouter
from pydantic import BaseModel
from pymongo.errors import BulkWriteError, DocumentTooLarge, DuplicateKeyError, OperationFailure, WriteError

from shared import logs
from shared.documents import Documents, Step
from shared.errors import Refused, Unavailable
from shared.service import service_app

WORDS = sys.argv[1]
logs.configure("test", "DEBUG")


class Number(BaseModel):
    number: int


def invalid():
    Number.model_validate({"number": WORDS, WORDS: WORDS})


def driver(type_, *more):
    raise type_(f"cannot write {WORDS}", *more)


details = {"writeErrors": [{"code": 10334, "op": {"note": WORDS}, "errmsg": WORDS}], "nInserted": 0}
failures = {
    "bulk": lambda: (_ for _ in ()).throw(BulkWriteError(details)),
    "duplicate": lambda: driver(DuplicateKeyError, 11000, {"keyValue": {"note": WORDS}}),
    "operation": lambda: driver(OperationFailure, 2, {"errmsg": WORDS}),
    "too_large": lambda: driver(DocumentTooLarge),
    "document": lambda: driver(InvalidDocument),
    "pydantic": invalid,
    "key": lambda: {}[WORDS],
    "json": lambda: json.loads(f'{{"{WORDS}": }}'),
    "os": lambda: open(f"/nowhere/{WORDS}"),
    "refused": lambda: driver(lambda words: Refused("too-large", words)),
    "group": lambda: (_ for _ in ()).throw(ExceptionGroup(WORDS, [KeyError(WORDS)])),
}


def caused(fail):
    try:
        fail()
    except BaseException as error:
        raise RuntimeError(WORDS) from error


class Part:
    """A part of a process whose task ends by an error."""

    task = None

    async def start(self): ...
    async def stop(self): ...
    async def check(self): ...
    def status(self): return {}


async def requests():
    router = APIRouter()
    for name, fail in failures.items():
        if name != "refused":
            router.add_api_route(f"/{name}", fail, methods=["GET"])
    transport = httpx.ASGITransport(service_app("test", {}, [router]), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for name in failures:
            answer = await client.get(f"/{name}")
            assert WORDS not in answer.text, answer.text


async def lost_tasks():
    async def fails(fail):
        fail()

    for fail in failures.values():
        asyncio.create_task(fails(fail))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(caused, fail)
        await asyncio.sleep(0)
    gc.collect()


def decisions():
    documents = Documents(type("C", (), {"name": "things"})(), Number)
    from shared.documents import _Held
    for name, fail in failures.items():
        documents._decide(_Held(WORDS[:6]), Step("ana", lambda _, fail=fail: fail()))


class Leaks:
    def __init__(self, fail): self.fail = fail
    def __del__(self): self.fail()


for name, fail in failures.items():
    try:
        caused(fail)
    except BaseException as error:
        logs.logger().error("failed", exc_info=error, because=error)
        logs.logger().exception("failed")
        logging.getLogger("lib").exception("it failed: %s, %r", error, error)
        logging.getLogger("lib").error("%(one)s", {"one": error})
        logging.getLogger("lib").error(__import__("traceback").format_exc())
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    Leaks(fail)
    gc.collect()
asyncio.run(requests())
asyncio.run(lost_tasks())
decisions()
caused(failures["bulk"])
'''


def test_no_error_is_logged_in_its_own_words() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, WORDS], capture_output=True, text=True, timeout=120, check=False
    )

    assert run.returncode == 1, run.stderr[-2_000:]
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert [line for line in run.stderr.splitlines() if "MARKER" in line] == []
    events = {line["event"] for line in lines}
    assert events >= {
        "crashed", "thread_crashed", "error_lost", "request_failed", "decision_failed",
        "Task exception was never retrieved",
    }, events  # fmt: skip
    last = lines[-1]["exception"]
    assert last.startswith("RuntimeError < ")
    assert "; because of pymongo.errors.BulkWriteError(65) < " in last
    assert "pydantic_core._pydantic_core.ValidationError(int_parsing)" in run.stderr
    assert "shared.errors.Refused(too-large)" in run.stderr


async def entered(gateway: httpx.AsyncClient, words: str) -> None:
    """Write the words into every text that a person can write, also where they cannot be."""
    lead = drawn()
    profile = {"name": words, "email": f"{words}@example.com", "phone": "+34 600 100 200", "company": words}
    long = f"{words} " * 2_000
    bodies: list[tuple[str, object]] = [
        ("leads", {"lead_id": lead, "channel": "web", "profile": profile}),
        ("leads", {"lead_id": lead, "channel": words, "profile": {**profile, words: words}}),
        ("leads", {"channel": "web", "campaign": words, "profile": {**profile, "email": words}}),
        (f"leads/{lead}/activities", {"kind": "call", "note": words}),
        (f"leads/{lead}/activities", {"kind": "call", "note": long}),
        (f"leads/{lead}/activities", {"kind": words, "note": words, "step_id": words}),
        (
            "activities",
            {"activities": [{"lead_id": lead, "kind": "note", "note": words}, {"lead_id": words}]},
        ),
        ("activities/proposals", {"line": words, "zone": words}),
        ("activities/proposals", {"line": words}),
        (f"leads/{lead}/qualification", {"attributes": {words: words}, "person": {"a": words}}),
        (f"leads/{lead}/lost", {"reason": words}),
        ("signals", {"lead_id": lead, "kind": words, "attributes": {"page": words}}),
        ("playbooks/preview", {"text": f"{words}: {words}"}),
        ("tickets", {"lead_id": lead, "category": "question", "subject": words, "text": words}),
        ("tickets", {"lead_id": lead, "category": words, "subject": long}),
    ]
    for path, body in bodies:
        answer = await gateway.post(f"/v1/{path}", json=body)
        assert answer.status_code < 500, answer.text
        if path == "tickets" and answer.status_code == 201:
            await gateway.post(
                f"/v1/tickets/{answer.json()['id']}/replies", json={"author": "agent", "text": words}
            )
            await gateway.post(f"/v1/tickets/{answer.json()['id']}/resolution", json={"resolution": words})
    for content in (words, f'{{"{words}": ', f'"{words}\\ud800"', f'{{"lead_id": "{words}\\u0000"}}'):
        for path in ("leads", "signals", f"leads/{lead}/activities", "history"):
            answer = await gateway.post(
                f"/v1/{path}", content=content, headers={"content-type": "application/json"}
            )
            assert answer.status_code < 500, answer.text
    await gateway.get(f"/v1/leads/{lead}/timeline", params={"cursor": words})


async def test_no_word_that_was_entered_is_in_any_log(system: System) -> None:
    words = drawn("MARKER")
    async with system.client() as gateway:
        await entered(gateway, words)

    found = await asyncio.to_thread(
        lambda: [
            f"{file.name}: {line}"
            for file in (system.home / "logs").iterdir()
            for line in file.read_text(errors="replace").splitlines()
            if words in line
        ]
    )
    assert found == []
    assert any((system.home / "logs").iterdir())


@pytest.mark.parametrize("name", ["asyncio", "uvicorn.error"])
def test_of_what_a_library_says_in_many_lines_the_first_is_kept(name: str) -> None:
    import logging

    from shared.redaction import RedactRecord

    record = logging.LogRecord(name, logging.ERROR, "f", 1, f"it failed\n{WORDS}", (), None)
    assert RedactRecord().filter(record)
    assert record.getMessage() == "it failed"
