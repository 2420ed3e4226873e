"""The image and the compose file, as an operator uses them: one build, one start, one lead."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from shared.embedded.home import free_port

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

REPOSITORY = Path(__file__).parents[2]
IMAGE = "ascua:test"


def docker(*arguments: str, **environment: str) -> str:
    """Run docker; what it said is part of the failure when it fails."""
    done = subprocess.run(
        ["docker", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@dataclass(frozen=True)
class Deployment:
    """Everything in deploy/compose.yaml, up and healthy."""

    project: str
    port: int

    def compose(self, *arguments: str) -> str:
        return docker(
            *("compose", "--project-name", self.project, "--file", "deploy/compose.yaml", *arguments),
            ASCUA_IMAGE=IMAGE,
            ASCUA_PUBLISH=f"127.0.0.1:{self.port}",
        )

    def client(self, role: str) -> httpx.Client:
        """A client with a new key."""
        created = self.compose(
            "exec", "-T", "gateway", "ascua", "keys", "create", role, "--role", role, "--json"
        )
        key = json.loads(created)["key"]
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"authorization": f"Bearer {key}"}, timeout=10
        )


@pytest.fixture(scope="session")
def image() -> str:
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no Docker engine answers here; start one to try the image and the compose file")
    # The network of this machine: it knows the way to the package index, also through a proxy or a mirror.
    docker("build", "--force-rm", "--network", "host", "--file", "deploy/Dockerfile", "--tag", IMAGE, ".")
    return IMAGE


@pytest.fixture(scope="session")
def deployment(image: str) -> Iterator[Deployment]:
    it = Deployment(f"ascua-test-{os.getpid()}", free_port())
    try:
        try:
            it.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "300")
        except AssertionError as error:
            pytest.fail(f"{error}\n{it.compose('ps', '--all')}\n{it.compose('logs', '--tail', '40')}")
        yield it
    finally:
        it.compose("down", "--volumes", "--remove-orphans", "--timeout", "15")


def until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)


def test_the_image_carries_the_command_line_and_is_not_root(image: str) -> None:
    assert "Example: ascua run all" in docker("run", "--rm", image)
    assert docker("run", "--rm", "--entrypoint", "id", image, "--user").strip() == "10001"


def test_the_image_has_its_hot_path_compiled(image: str) -> None:
    said = docker(
        "run",
        "--rm",
        "--entrypoint",
        "python",
        image,
        "-c",
        "import services.scoring.processor.fold as it; print(it.__file__)",
    )
    assert said.strip().endswith(".so")


def test_a_lead_posted_to_the_gateway_is_read_back_and_warms_the_board(deployment: Deployment) -> None:
    with deployment.client("channel") as website, deployment.client("rep") as rep:
        captured = website.post(
            "/v1/leads", json={"lead_id": "ana", "channel": "web", "profile": {"name": "Ana Torres"}}
        )
        assert captured.status_code == 201, captured.text
        wanted = website.post("/v1/signals", json={"lead_id": "ana", "kind": "demo_requested"})
        assert wanted.status_code == 202, wanted.text

        def on_the_board() -> bool:
            items = rep.get("/v1/boards/heat", params={"band": "hot"}).raise_for_status().json()["items"]
            return [line["lead"]["profile"]["name"] for line in items if line["heat"] > 60] == ["Ana Torres"]

        until(on_the_board, seconds=20)
        assert rep.get("/v1/leads/ana").json()["lead"]["channel"] == "web"
        assert "Ana Torres" in rep.get("/leads/ana").raise_for_status().text


def test_a_channel_may_not_read_and_a_stranger_may_nothing(deployment: Deployment) -> None:
    with deployment.client("channel") as website:
        assert website.get("/v1/boards/heat").status_code == 403
        assert website.get("/v1/boards/heat", headers={"authorization": ""}).status_code == 401


def test_only_the_gateway_can_be_reached_from_outside(deployment: Deployment) -> None:
    lines = deployment.compose("ps", "--format", "json").splitlines()
    published = {
        (one["Service"], port["URL"], port["PublishedPort"])
        for one in map(json.loads, lines)
        for port in one["Publishers"] or ()
        if port["PublishedPort"]
    }

    assert published == {("gateway", "127.0.0.1", deployment.port)}


@pytest.mark.parametrize("service", ["leads", "followup", "tickets", "scoring", "gateway"])
def test_a_service_is_nobody_and_can_write_nowhere(deployment: Deployment, service: str) -> None:
    found = deployment.compose(
        "exec",
        "-T",
        service,
        "sh",
        "-c",
        "id -u; grep NoNewPrivs /proc/1/status; touch $ASCUA_HOME/x || echo kept",
    )

    assert found.split() == ["10001", "NoNewPrivs:", "1", "kept"]
