"""The rules that come along: for selling to companies, and for a shop."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from services.scoring.scorecard.model import Rules
from services.scoring.scorecard.parser import parse_rules
from services.scoring.scorecard.shapes import listed
from shared.errors import Refused

DEFAULTS: Final = ("default", "retail")
"""The rules that come along: for selling to companies, and for a shop."""


def default_text(name: str = DEFAULTS[0]) -> str:
    """Rules that ship with this package, with their comments. Raises Refused for a name not in DEFAULTS."""
    if name not in DEFAULTS:
        raise Refused("no-such-default", f"there are no default rules {name}; there are {listed(DEFAULTS)}")
    return files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")


def default_rules(name: str = DEFAULTS[0]) -> Rules:
    """Rules that ship with this package."""
    return parse_rules(default_text(name), f"{name}.yaml")
