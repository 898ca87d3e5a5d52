"""The published numbers, as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from unix_exp import config


@cache
def published(paper: str = "xu2020") -> dict[str, Any]:
    """A paper's tables by name, what their rows do not state, and how its methods are named."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is built in
    found: dict[str, Any] = yaml.load(files(__package__).joinpath(f"{paper}.yaml").read_text(), Loader=loader)
    return found


def tables(paper: str = "xu2020") -> dict[str, Any]:
    found: dict[str, Any] = published(paper)["tables"]
    return found


def criterion_of(row: Mapping[str, Any]) -> str:
    """The name of a row's objective, which published()["criteria"] has the settings of."""
    return str(row.get("criterion", published()["unsaid"]["criterion"]))


def is_baseline(row: Mapping[str, Any]) -> bool:
    """Whether a row is conventional distillation, which the rows of the same objective are compared with."""
    return bool(row["sampler"] == published()["conventional"]["sampler"])


@cache
def split(pair: str) -> tuple[str, str]:
    """wrn_40_2_wrn_16_2 -> wrn_40_2, wrn_16_2: the first is a name of conf/model/."""
    words, known = pair.split("_"), {path.stem for path in (config.choices_folder() / "model").glob("*.yaml")}
    for cut in range(1, len(words)):
        if "_".join(words[:cut]) in known:
            return "_".join(words[:cut]), "_".join(words[cut:])
    raise AssertionError(f"{pair} is not a pair of networks")
