"""Where Kafka is, and what it asks of its clients. Every client in the house is made of this."""

from __future__ import annotations

import logging
import ssl
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from shared.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Brokers:
    """A cluster by its addresses (`host:port`, with commas between), and by whom it is asked.

    `security_protocol` is one of Kafka's: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. With SASL a user and a password
    are shown by the mechanism; with SSL the broker's certificate is held to `ca_file`, or to what this machine trusts.
    """

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None

    @property
    def client(self) -> dict[str, Any]:
        """What a client of aiokafka, of whatever kind, is made with."""
        found: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
        }
        if self.security_protocol.endswith("SSL"):
            found["ssl_context"] = _trusting(self.ca_file)
        if self.security_protocol.startswith("SASL"):
            logging.getLogger("aiokafka.conn").addFilter(_is_news)  # once, however often
            found |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return found

    def unreachable(self) -> Unavailable:
        """What to say when none answers. One that does not let a client in hangs up, and no more can be told."""
        let_in = (
            ""
            if self.security_protocol == "PLAINTEXT"
            else f" by {self.security_protocol}, or none lets {self.user or 'us'} in; compare ASCUA_KAFKA_*"
        )
        return Unavailable("kafka-unreachable", f"no Kafka broker answers at {self.bootstrap}{let_in}")

    def environment(self) -> dict[str, str]:
        """The settings from which another process finds the same; what is not given is empty there."""
        return {f"ASCUA_KAFKA_{name.upper()}": value or "" for name, value in asdict(self).items()}


def _is_news(record: logging.LogRecord) -> bool:
    """That a password goes in the clear is said by the setting, and not at every connection again."""
    return record.msg != "Sending username and password in the clear"


@lru_cache
def _trusting(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)
