"""What an installation is made of is said once: the code, the topics and what is deployed agree with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.addresses import Addresses
from cli.environment import Environment
from cli.run import What
from services.followup.main import Settings as Followup
from services.gateway.main import Settings as Gateway
from services.leads.main import Settings as Leads
from services.scoring.main import Settings as Scoring
from services.tickets.main import Settings as Tickets
from shared.bus import topics
from shared.installation import CONSUMERS, FOLDED, INNER, LEDGER, PORTS, SERVICES, url

REPOSITORY = Path(__file__).parents[2]
SETTINGS = {"leads": Leads, "followup": Followup, "tickets": Tickets, "scoring": Scoring, "gateway": Gateway}
SERVERS = {"kafka_bootstrap": "127.0.0.1:1", "mongo_url": "mongodb://127.0.0.1:1"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "deploy" / "compose.yaml").read_text())["services"]
    return found


def deployed_port() -> str:
    """The port at which every service of the image listens."""
    found = re.search(r"ASCUA_PORT=(\d+)", (REPOSITORY / "deploy" / "Dockerfile").read_text())
    assert found is not None
    return found[1]


def test_every_service_is_a_package_with_a_port_of_its_own() -> None:
    packages = {path.parent.name for path in (REPOSITORY / "services").glob("*/main.py")}

    assert packages == set(SERVICES) == set(PORTS) == {each.value for each in What} - {"all"}
    assert len(set(PORTS.values())) == len(PORTS)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_listens_where_the_others_look_for_it(service: str) -> None:
    assert SETTINGS[service](**SERVERS).port == PORTS[service]
    if service in INNER:
        for looks in (Gateway(**SERVERS), Environment()):
            assert getattr(looks, f"{service}_url") == url(service)
    assert service in Addresses.__slots__


def test_the_compose_file_runs_each_service_and_tells_the_gateway_where_it_is(
    compose: dict[str, Any],
) -> None:
    assert {name for name, each in compose.items() if each.get("command", [""])[0] == "run"} == set(SERVICES)
    environment = compose["gateway"]["environment"]
    for service in INNER:
        assert compose[service]["command"] == ["run", service]
        assert environment[f"ASCUA_{service.upper()}_URL"] == f"http://{service}:{deployed_port()}"
        assert service in compose["gateway"]["depends_on"]


def test_prometheus_watches_each_service_where_it_is_deployed(compose: dict[str, Any]) -> None:
    told = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text())
    (job,) = told["scrape_configs"]
    (targets,) = job["static_configs"]
    ports = dict.fromkeys(INNER, deployed_port()) | {
        "gateway": str(compose["gateway"]["environment"]["ASCUA_OPS_PORT"])
    }

    assert sorted(targets["targets"]) == sorted(f"{name}:{port}" for name, port in ports.items())


def test_consumers_have_names_of_their_own_and_follow_topics_that_are_declared() -> None:
    assert len({group.name for group in CONSUMERS}) == len(CONSUMERS)
    for group in CONSUMERS:
        assert group.service in SERVICES
        assert group.topics
        assert set(group.topics) <= topics.NAMES


def test_facts_are_all_kept_in_the_ledger_and_folded_but_for_what_scoring_itself_tells() -> None:
    assert set(LEDGER.topics) == {topic.name for topic in topics.FACTS} == {*FOLDED, "scoring"}
