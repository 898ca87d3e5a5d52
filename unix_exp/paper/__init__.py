"""The published numbers, as data."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from unix_exp import config


@cache
def published(paper: str = "unix") -> dict[str, Any]:
    """A paper's tables by name, and what their rows leave unsaid."""
    return yaml.safe_load(files(__package__).joinpath(f"{paper}.yaml").read_text())


def tables(paper: str = "unix") -> dict[str, Any]:
    return published(paper)["tables"]


def split(pair: str) -> tuple[str, str]:
    """wrn_40_2_wrn_16_2 -> wrn_40_2, wrn_16_2: the first is a name of conf/model/."""
    words, known = pair.split("_"), {path.stem for path in (config.folder() / "model").glob("*.yaml")}
    for cut in range(1, len(words)):
        if "_".join(words[:cut]) in known:
            return "_".join(words[:cut]), "_".join(words[cut:])
    raise AssertionError(f"{pair} names no pair of networks")
