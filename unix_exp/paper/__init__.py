"""The published numbers, as data."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import yaml


def tables(paper: str = "unix") -> dict[str, Any]:
    """A paper's tables by name."""
    return yaml.safe_load(files(__package__).joinpath(f"{paper}.yaml").read_text())
