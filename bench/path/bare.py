"""What a handler costs that only does the least: validate, keep, produce. Run as a program, beside the system."""

from __future__ import annotations

import sys

import uvicorn
from fastapi import FastAPI

from cli.environment import environment
from shared.bus.outgoing import Outgoing
from shared.bus.publisher import Publisher
from shared.bus.topics import Topics
from shared.clock import new_id, utc_now
from shared.commands.leads import CaptureLead
from shared.commands.signals import SendSignal
from shared.events.base import rfc3339
from shared.mongo import Mongo


def app(topics: Topics, mongo: Mongo) -> FastAPI:
    publisher = Publisher(topics)
    leads = mongo.collection("bare")
    bare = FastAPI()
    bare.router.on_startup.append(publisher.start)

    @bare.post("/v1/signals", status_code=202)
    async def signal(command: SendSignal) -> dict[str, str]:
        id = command.id or new_id()
        value = command.model_dump_json(exclude_none=True).encode()
        await publisher.publish(Outgoing("signals", command.lead_id, value))
        return {"id": id}

    @bare.post("/v1/leads", status_code=201)
    async def lead(command: CaptureLead) -> dict[str, str]:
        id = command.lead_id or new_id()
        await leads.insert_one({"_id": id, "at": rfc3339(utc_now()), "lead": command.model_dump(mode="json")})
        await publisher.publish(Outgoing("leads", id, command.model_dump_json(exclude_none=True).encode()))
        return {"id": id}

    return bare


if __name__ == "__main__":
    prefix, port = sys.argv[1:]
    brokers, url = environment().brokers, environment().mongo_url
    assert brokers is not None
    assert url is not None
    uvicorn.run(
        app(Topics(brokers, prefix), Mongo(url, f"{prefix}_bare")),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        access_log=False,
        log_level="error",
    )
