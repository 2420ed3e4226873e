"""What is written down about the project is true: locks, decisions, links and paths."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
LOCKS = sorted(REPOSITORY.glob("requirements*.lock"))
REGISTRIES = re.compile(
    rb"\b(?:pypi\W?org|pythonhosted\W?org|maven\W?org|npmjs\W?(?:org|com)|crates\W?io|debian\W?org|docker\W?io)\b"
)
"""A mirror or a proxy is named by whoever needs one, in their own environment. Any one character may be the dot, so
that this pattern does not find itself."""
DECISIONS = sorted((REPOSITORY / "docs" / "decisions").glob("[0-9]*.md"))
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
TOLD_PATH = re.compile(r"`((?:shared|services|tests|docs|deploy)/[\w./-]+)`")


def tracked() -> list[Path]:
    """The files that git keeps; those that are about to be deleted are left out."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is not a git checkout, so nothing says which files belong to it")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True)
    paths = [REPOSITORY / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def pins(lock: Path) -> dict[str, str]:
    """Version by name. Raises ValueError for a line that is not a pinned requirement with its hashes."""
    found = {}
    for line in lock.read_text().replace("\\\n", " ").splitlines():
        match = re.fullmatch(r"([a-z0-9-]+)==(\S+)((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", line)
        if match is None:
            raise ValueError(f"{lock.name}: {line[:80]}")
        found[match[1]] = match[2]
    return found


def test_no_tracked_file_names_a_package_registry() -> None:
    named = {
        f"{path.relative_to(REPOSITORY)}: {match[0].decode()}"
        for path in tracked()
        if (match := REGISTRIES.search(path.read_bytes()))
    }

    assert not named


@pytest.mark.parametrize(
    "host", ["py{}pi.org", "files.python{}hosted.org", "repo1.maven{}.org", "index.crates{}.io"]
)
def test_a_registry_would_be_found(host: str) -> None:
    assert REGISTRIES.search(f"see https://{host.format('')}/simple".encode())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_with_its_hashes(lock: Path) -> None:
    assert pins(lock)


def test_development_runs_on_the_versions_that_are_deployed() -> None:
    deployed = pins(REPOSITORY / "requirements.lock").items()

    assert deployed <= pins(REPOSITORY / "requirements-dev.lock").items()


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = {
        "requirements.lock": project["dependencies"],
        "requirements-dev.lock": [*project["dependencies"], *extras["embedded"], *extras["dev"]],
    }
    for lock, wanted in asked.items():
        pinned = pins(REPOSITORY / lock)
        for requirement in map(Requirement, wanted):
            version = pinned[requirement.name.lower().replace("_", "-")]
            assert requirement.specifier.contains(version, prereleases=True), (
                f"{lock}: {requirement}; make lock"
            )


def test_decisions_are_numbered_without_holes_and_listed() -> None:
    index = (REPOSITORY / "docs" / "decisions" / "README.md").read_text()

    assert [path.name[:4] for path in DECISIONS] == [f"{n:04}" for n in range(1, len(DECISIONS) + 1)]
    assert re.findall(r"\]\((\d{4}-[\w-]+\.md)\)", index) == [path.name for path in DECISIONS]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_context_decision_and_consequences_on_half_a_page(path: Path) -> None:
    text = path.read_text()

    assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert text.startswith(f"# {path.name[:4]} ")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(text.split()) - sum(len(row.split()) for row in rows) < 450


def test_links_between_documents_lead_somewhere() -> None:
    broken = {
        f"{path.relative_to(REPOSITORY)}: {link}"
        for path in tracked()
        if path.suffix == ".md"
        for link in LINK.findall(path.read_text())
        if not (path.parent / link).exists()
    }

    assert not broken


@pytest.mark.parametrize("document", sorted(REPOSITORY.glob("*.md")), ids=lambda path: path.name)
def test_the_paths_a_document_tells_exist(document: Path) -> None:
    missing = {path for path in TOLD_PATH.findall(document.read_text()) if not (REPOSITORY / path).exists()}

    assert not missing
