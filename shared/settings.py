"""What a process can be told from outside: `ASCUA_*` environment variables. Only a service's main.py reads them."""

from __future__ import annotations

import logging
from typing import Annotated, ClassVar, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import Misused
from shared.wording import in_words

_HOST = r"([^\s,:/\[\]]+|\[[0-9a-fA-F:.]+\])"


def _level(name: str) -> str:
    levels = [each for each in logging.getLevelNamesMapping() if each != "NOTSET"]
    if name.upper() not in levels:
        raise ValueError(f"there is no level {name!r}; there are {', '.join(levels)}")
    return name.upper()


Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[str, Field(pattern=rf"^https?://{_HOST}(:[0-9]{{1,5}})?(/\S*)?$")]
Bootstrap = Annotated[str, Field(pattern=rf"^{_HOST}(:[0-9]{{1,5}})?(,{_HOST}(:[0-9]{{1,5}})?)*$")]
"""Brokers as `host:port`, several with commas between them."""
TopicPrefix = Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$", max_length=100)]
DatabasePrefix = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=40)]


Secret = Annotated[SecretStr, Field(min_length=16)]


class ServiceSettings(BaseSettings):
    """Settings every service has."""

    model_config = SettingsConfigDict(env_prefix="ASCUA_", frozen=True, extra="ignore")

    kafka_bootstrap: Bootstrap
    mongo_url: str
    topic_prefix: TopicPrefix = "ascua"
    database_prefix: DatabasePrefix = "ascua"
    host: str = "127.0.0.1"
    port: Port
    log_level: Annotated[str, AfterValidator(_level)] = "INFO"
    inner_secret: Annotated[Secret | None, BeforeValidator(lambda given: given or None)] = None
    """What inner services ask of whoever asks them. Without it they trust their network."""
    is_inner: ClassVar[bool] = True
    connections: Annotated[int, Field(ge=1)] = 500
    """That one address may have open; behind a proxy all have the proxy's."""
    dead_letter_limit: Annotated[int, Field(ge=0)] = 1_000
    """A consumer waits while it would put aside more records than these within a minute."""


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S]) -> S:
    """Read the environment. Raises `Misused` with a line for each setting that is wrong."""
    try:
        return settings()
    except ValidationError as error:
        wrong = (
            f"ASCUA_{str(each['loc'][0]).upper()}: {in_words(each)}"
            for each in error.errors(include_input=False, include_url=False)
        )
        raise Misused("bad-settings", "\n".join(wrong)) from None
