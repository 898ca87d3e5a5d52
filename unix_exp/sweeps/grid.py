"""The sweep files: what each is about, and the jobs of its grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig

from unix_exp import config
from unix_exp.types import Mistake
from unix_exp.words import nearest


class Sweep(NamedTuple):
    """A file of sweeps/."""

    name: str
    about: str  # its first comment
    parameters: dict[str, str]  # what varies: "seed": "0,1,2,3"


def folder() -> Path:
    return config.folder() / "sweep"


def names() -> list[str]:
    return sorted((path.stem for path in folder().glob("*.yaml")), key=by_kind)


def by_kind(name: str) -> tuple[bool, bool, str]:
    """Tables, then figures, then the rest."""
    return not name.startswith("table"), not name.startswith("figure"), name


def read(name: str) -> Sweep:
    path = folder() / f"{name}.yaml"
    if not path.is_file():
        raise Mistake(f"sweep '{name}' does not exist; {nearest(name, names())}")
    text = path.read_text()
    comments = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#") and "@package" not in line]
    try:
        parameters = yaml.safe_load(text)["hydra"]["sweeper"]["params"]
        return Sweep(name, " ".join(comments), {key: str(value) for key, value in parameters.items()})
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise Mistake(f"{path} names nothing to vary; it needs hydra.sweeper.params") from None


@contextmanager
def hydra_ready() -> Iterator[None]:
    config.register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(config.folder()), version_base="1.3"):
        yield


def jobs(sweep: Sweep, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The command line of every job, expanded by Hydra's own code; `words` are changes typed beside the sweep."""
    grid = [f"{key}={values}" for key, values in sweep.parameters.items()]
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    overrides = parser.parse_overrides([*grid, f"sweep={sweep.name}", *words])
    (batch,) = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    return [tuple(job) for job in batch]


def composed(job: tuple[str, ...]) -> DictConfig:
    """A job's whole configuration; jobs that differ in the seed alone share the work."""
    seeds = [word for word in job if word.startswith("seed=")]
    whole = _composed(tuple(word for word in job if not word.startswith("seed="))).copy()
    if seeds:
        whole.seed = yaml.safe_load(seeds[-1].removeprefix("seed="))
    return whole


@cache
def _composed(job: tuple[str, ...]) -> DictConfig:
    return compose("config", overrides=list(job))


def values(sweep: Sweep) -> dict[str, list[Any]]:
    """What varies, as plain values."""
    parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
    parsed = parser.parse_overrides([f"{key}={text}" for key, text in sweep.parameters.items()])
    return {
        override.get_key_element(): (
            [yaml.safe_load(str(value)) for value in override.sweep_string_iterator()]
            if override.is_sweep_override()
            else [yaml.safe_load(str(override.get_value_string()))]
        )
        for override in parsed
    }
