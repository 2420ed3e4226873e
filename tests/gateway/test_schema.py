"""The gateway does what its description says, whatever is sent. Schemathesis asks; at length it does so by hand."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from services.gateway.main import Settings, app
from tests.conftest import System

described = schemathesis.openapi.from_dict(
    app(Settings(kafka_bootstrap="127.0.0.1:9", mongo_url="mongodb://127.0.0.1:9")).openapi(),
    config=SchemathesisConfig.from_path(Path(__file__).parents[2] / "schemathesis.toml"),
).exclude(path=["/v1/stream", "/metrics", "/readyz"])


@described.parametrize()
@settings(
    max_examples=2,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
def test_it_answers_as_it_is_described(case: Case, system: System) -> None:
    headers = {"Authorization": f"Bearer {system.key}"}
    answer = case.call_and_validate(base_url=system.gateway, headers=headers, timeout=30)
    if case.meta is not None and case.meta.generation.mode.is_positive and answer.status_code == 422:
        assert answer.json()["type"] != "urn:ascua:problem:invalid-request", answer.text
