"""What the command line is told from outside: `ASCUA_*` environment variables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class Environment(BaseSettings):
    """Where Ascua lives on this machine, and which servers are given. An unset address means: the embedded server."""

    model_config = SettingsConfigDict(env_prefix="ASCUA_", frozen=True, extra="ignore", env_ignore_empty=True)

    home: Path = Path(".ascua")
    kafka_bootstrap: str | None = None
    mongo_url: str | None = None
    gateway_url: str | None = None
    leads_url: str = "http://127.0.0.1:8001"
    followup_url: str = "http://127.0.0.1:8002"
    tickets_url: str = "http://127.0.0.1:8003"
    scoring_url: str = "http://127.0.0.1:8004"
    key: str | None = None
    """Opens the gateway; unset, the operator's key in the home is used."""
    topic_prefix: Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$")] = "ascua"
    database_prefix: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")] = "ascua"
    host: str = "127.0.0.1"
    store_binary: Path | None = None


def environment() -> Environment:
    """Read the environment; when it is wrong, say what to set and exit with 2."""
    try:
        return Environment()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise typer.BadParameter(f"ASCUA_{str(first['loc'][0]).upper()}: {first['msg']}") from None
