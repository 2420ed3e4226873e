"""How a client shows itself to Kafka: by settings, the same for every client and every process."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaClient, AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from shared.bus.brokers import Brokers
from shared.bus.cluster import admin
from shared.errors import Misused, Unavailable
from shared.settings import ServiceSettings, load
from tests.servers import Addresses

LOGIN = {"KAFKA_USER": "ascua", "KAFKA_PASSWORD": "p:a ss@"}
NOTHING = {"KAFKA_BOOTSTRAP": "k1:9092,k2:9092", "MONGO_URL": "mongodb://m/", "PORT": "1"}
AUTHORITY = str(Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"))


def given(monkeypatch: pytest.MonkeyPatch, **settings: str) -> Brokers:
    for name, value in {**NOTHING, **settings}.items():
        monkeypatch.setenv(f"ASCUA_{name}", value)
    found = load(ServiceSettings)
    assert LOGIN["KAFKA_PASSWORD"] not in repr(found) + repr(found.topics)
    return found.topics.brokers


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_what_is_set_is_what_every_client_is_made_with(
    monkeypatch: pytest.MonkeyPatch, protocol: str, mechanism: str
) -> None:
    settings = {"KAFKA_SECURITY_PROTOCOL": protocol, "KAFKA_SASL_MECHANISM": mechanism}
    if protocol.startswith("SASL"):
        settings |= LOGIN
    if protocol.endswith("SSL"):
        settings["KAFKA_CA_FILE"] = AUTHORITY
    brokers = given(monkeypatch, **settings)
    client: dict[str, Any] = brokers.client
    assert client["security_protocol"] == protocol
    assert client.get("sasl_mechanism", mechanism) == mechanism
    assert (client.get("sasl_plain_password") == LOGIN["KAFKA_PASSWORD"]) == protocol.startswith("SASL")
    if protocol.endswith("SSL"):
        assert client["ssl_context"].verify_mode is ssl.CERT_REQUIRED
        assert client["ssl_context"].check_hostname
    for kind in (AIOKafkaClient, AIOKafkaConsumer, AIOKafkaProducer, AIOKafkaAdminClient):
        kind(**client)  # takes them all
    # Another process that is told by its environment finds the same.
    for name, value in brokers.environment().items():
        monkeypatch.setenv(name, value)
    assert load(ServiceSettings).topics.brokers == brokers


@pytest.mark.parametrize(
    ("wrong", "settings"),
    [
        ("SECURITY_PROTOCOL", {"KAFKA_SECURITY_PROTOCOL": "TLS"}),
        ("SECURITY_PROTOCOL", {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}),
        ("SECURITY_PROTOCOL", {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_USER": "ascua"}),
        ("SECURITY_PROTOCOL", LOGIN),
        ("SECURITY_PROTOCOL", {"KAFKA_CA_FILE": AUTHORITY}),
        ("SASL_MECHANISM", {"KAFKA_SASL_MECHANISM": "GSSAPI"}),
        ("CA_FILE", {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_CA_FILE": "/nowhere.pem"}),
        ("CA_FILE", {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_CA_FILE": __file__}),
    ],
)
def test_what_cannot_work_is_named(
    monkeypatch: pytest.MonkeyPatch, wrong: str, settings: dict[str, str]
) -> None:
    with pytest.raises(Misused, match=f"^ASCUA_KAFKA_{wrong}: ") as refused:
        given(monkeypatch, **settings)
    assert LOGIN["KAFKA_PASSWORD"] not in refused.value.sentence


async def test_a_broker_that_lets_nobody_in_is_told_from_one_that_is_away(servers: Addresses) -> None:
    wrong = Brokers(servers.kafka.bootstrap, "SASL_PLAINTEXT", user="nobody", password="nothing")
    with pytest.raises(Unavailable, match="or none lets nobody in; compare ASCUA_KAFKA_") as refused:
        async with admin(wrong):
            pass
    assert "nothing" not in refused.value.sentence
