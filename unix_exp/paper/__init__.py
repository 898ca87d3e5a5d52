"""The published numbers, as data."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def published(paper: str = "unix") -> dict[str, Any]:
    """A paper's tables by name, and what their rows leave unsaid."""
    return yaml.safe_load(files(__package__).joinpath(f"{paper}.yaml").read_text())


def tables(paper: str = "unix") -> dict[str, Any]:
    return published(paper)["tables"]
