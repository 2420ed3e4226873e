"""What a process can be told from outside: `ASCUA_*` environment variables. Only a service's main.py reads them."""

from __future__ import annotations

import sys
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.wording import in_words


class ServiceSettings(BaseSettings):
    """Settings every service has."""

    model_config = SettingsConfigDict(env_prefix="ASCUA_", frozen=True, extra="ignore")

    kafka_bootstrap: str
    mongo_url: str
    topic_prefix: Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$")] = "ascua"
    database_prefix: Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")] = "ascua"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)]
    log_level: str = "INFO"
    dead_letter_limit: Annotated[int, Field(ge=0)] = 1_000
    """A consumer that has put aside this many records since its start stops."""


S = TypeVar("S", bound=ServiceSettings)


def load(settings: type[S]) -> S:
    """Read the environment; when it is wrong, say what to set and exit with 78 (EX_CONFIG)."""
    try:
        return settings()
    except ValidationError as error:
        for each in error.errors(include_input=False, include_url=False):
            sys.stderr.write(f"ASCUA_{str(each['loc'][0]).upper()}: {in_words(each)}\n")
        raise SystemExit(78) from None
