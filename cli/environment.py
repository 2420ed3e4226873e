"""What the command line is told from outside: `ASCUA_*` environment variables."""

from __future__ import annotations

from pathlib import Path

from shared.bus.brokers import Brokers
from shared.installation import url
from shared.settings import Bootstrap, DatabasePrefix, KafkaSettings, Secret, TopicPrefix, Url, load


class Environment(KafkaSettings):
    """Where Ascua lives on this machine, and which servers are given. An unset address means: the embedded server."""

    home: Path = Path(".ascua")
    kafka_bootstrap: Bootstrap | None = None
    mongo_url: str | None = None
    gateway_url: Url | None = None
    leads_url: Url = url("leads")
    followup_url: Url = url("followup")
    tickets_url: Url = url("tickets")
    scoring_url: Url = url("scoring")
    public_url: Url | None = None
    """Where people reach the gateway, for links."""
    key: str | None = None
    """Opens the gateway; unset, the operator's key in the home is used."""
    topic_prefix: TopicPrefix = "ascua"
    database_prefix: DatabasePrefix = "ascua"
    host: str = "127.0.0.1"
    inner_secret: Secret | None = None
    """What inner services ask for; unset, the one in the home is used for services of our own."""
    store_binary: Path | None = None

    @property
    def brokers(self) -> Brokers | None:
        return None if self.kafka_bootstrap is None else self.brokers_at(self.kafka_bootstrap)


def environment() -> Environment:
    """Read the environment; raises `Misused` with what is to be set."""
    return load(Environment)
