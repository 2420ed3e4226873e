"""Load from a process of its own, that it may not slow what it measures. Run as a program.

`steady` is an open loop: each request has its instant, whether the one before was answered or not, and what is told
of it counts from that instant. `clients` are closed loops: so many at once, each sending again when it is answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from itertools import count
from time import monotonic, time
from typing import Any

import uvloop

from bench.path.http import Connection

KINDS = ("page_viewed", "email_opened", "form_started")


def signal(lead: str, number: int) -> tuple[str, bytes]:
    body = {"id": f"{lead}.{number}", "lead_id": lead, "kind": KINDS[number % 3], "attributes": {}}
    return "/v1/signals", json.dumps(body).encode()


def capture(lead: str, number: int) -> tuple[str, bytes]:
    profile = {
        "name": f"Ana {number}",
        "email": f"ana{number}@example.com",
        "phone": f"+3460{number % 10**7:07}",
    }
    return "/v1/leads", json.dumps({"lead_id": lead, "channel": "web", "profile": profile}).encode()


async def steady(
    url: str, key: str, rate: float, seconds: float, kind: str, leads: list[str]
) -> dict[str, Any]:
    """`kind`: a `signal` of the next lead each time, or a `capture` followed by a signal of it."""
    free: list[Connection] = []
    scheduled: dict[str, float] = {}
    refused = 0

    async def send(number: int, due: float) -> None:
        nonlocal refused
        connection = free.pop() if free else Connection(url, key)
        lead = leads[number % len(leads)] if kind == "signal" else f"{leads[0]}-{number}"
        scheduled[lead] = due
        requests = (
            [signal(lead, number)] if kind == "signal" else [capture(lead, number), signal(lead, number)]
        )
        for path, body in requests:
            refused += await connection.post(path, body) >= 300
        free.append(connection)

    began, sent = time() + 0.2, []
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (ahead := due - time()) > 0:
            await asyncio.sleep(ahead)
        sent.append(asyncio.create_task(send(number, due)))
    await asyncio.gather(*sent)
    return {"sent": len(sent), "refused": refused, "scheduled": scheduled}


async def clients(
    url: str, key: str, number: int, seconds: float, make: Callable[[int], tuple[str, bytes]]
) -> dict[str, Any]:
    numbers, latencies = count(), []
    refused, ends = 0, monotonic() + seconds

    async def client() -> None:
        nonlocal refused
        async with Connection(url, key) as connection:
            while (began := monotonic()) < ends:
                path, body = make(next(numbers))
                kind = "application/x-ndjson" if b"\n" in body else "application/json"
                refused += await connection.post(path, body, kind) >= 300
                latencies.append(monotonic() - began)

    began = monotonic()
    await asyncio.gather(*(client() for _ in range(number)))
    took = monotonic() - began
    latencies.sort()
    return {
        "done": len(latencies),
        "refused": refused,
        "seconds": took,
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }


async def main(asked: dict[str, Any]) -> dict[str, Any]:
    url, key, leads, what = asked["url"], asked["key"], asked["leads"], asked["what"]
    if what in ("signal", "capture"):
        return await steady(url, key, asked["rate"], asked["seconds"], what, leads)

    def one_signal(number: int) -> tuple[str, bytes]:
        return signal(leads[number % len(leads)], number)

    def one_lead(number: int) -> tuple[str, bytes]:
        return capture(f"{leads[0]}-{number}", number)

    def thousand(number: int) -> tuple[str, bytes]:
        lines = (
            signal(leads[each % len(leads)], each)[1] for each in range(number * 1000, number * 1000 + 1000)
        )
        return "/v1/signals", b"\n".join(lines)

    make = {"signals": one_signal, "leads": one_lead, "ndjson": thousand}[what]
    return await clients(url, key, asked["clients"], asked["seconds"], make)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(main(json.load(sys.stdin)))))
