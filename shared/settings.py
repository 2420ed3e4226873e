"""What a process can be told from outside: `ASCUA_*` environment variables. Only a service's main.py reads them."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.bus.brokers import Brokers
from shared.bus.topics import Topics
from shared.errors import Misused
from shared.wording import in_words

_HOST = r"([^\s,:/\[\]]+|\[[0-9a-fA-F:.]+\])"


def _certificates(path: Path | None) -> Path | None:
    if path is not None:
        try:
            ssl.create_default_context(cafile=path)
        except OSError as error:  # an SSLError is one
            raise ValueError(f"{path} holds no certificates that can be read ({error.strerror})") from None
    return path


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


class KafkaSettings(BaseSettings):
    """What Kafka asks of its clients."""

    model_config = SettingsConfigDict(env_prefix="ASCUA_", frozen=True, extra="ignore", env_ignore_empty=True)

    kafka_user: str | None = None
    kafka_password: SecretStr | None = None
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    kafka_ca_file: Annotated[Path | None, AfterValidator(_certificates)] = None
    """What the broker's certificate is held to, in PEM; unset, what this machine trusts."""
    kafka_security_protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], Field(validate_default=True)
    ] = "PLAINTEXT"

    @field_validator("kafka_security_protocol")
    @classmethod
    def _fits(cls, protocol: str, others: ValidationInfo) -> str:
        """What is asked for is there, and nothing is given that would be shown to nobody."""
        asks = protocol.startswith("SASL")
        if any((others.data.get(f"kafka_{name}") is not None) != asks for name in ("user", "password")):
            raise ValueError(
                "SASL_SSL and SASL_PLAINTEXT take ASCUA_KAFKA_USER and ASCUA_KAFKA_PASSWORD, and no other does"
            )
        if others.data.get("kafka_ca_file") is not None and not protocol.endswith("SSL"):
            raise ValueError("ASCUA_KAFKA_CA_FILE is for SSL and SASL_SSL alone")
        return protocol

    def brokers_at(self, bootstrap: str) -> Brokers:
        return Brokers(
            bootstrap,
            self.kafka_security_protocol,
            self.kafka_sasl_mechanism,
            self.kafka_user,
            self.kafka_password.get_secret_value() if self.kafka_password else None,
            str(self.kafka_ca_file) if self.kafka_ca_file else None,
        )


class ServiceSettings(KafkaSettings):
    """Settings every service has."""

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

    @property
    def topics(self) -> Topics:
        return Topics(self.brokers_at(self.kafka_bootstrap), self.topic_prefix)


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
