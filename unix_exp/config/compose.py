"""Hydra's composing, outside its own entry: a command's configuration, and the jobs of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.config_search_path import SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig

from unix_exp.config import plugins, unwritten
from unix_exp.config.settings import folder, register_resolvers
from unix_exp.types import Mistake


def prepare(words: Iterable[str], config_dir: Path | None = None) -> None:
    """Load a command's plug-ins, and let Hydra choose their components; before anything is composed."""
    words = list(words)
    if config_dir is not None and not config_dir.is_dir():
        raise Mistake(f"--config-dir {config_dir} does not exist; give a folder with choices of your own")
    plugins.load(plugins.named_in(words))
    unwritten.offer(folders(words, config_dir))


def folders(words: Iterable[str] = (), config_dir: Path | None = None) -> list[Path]:
    """Where a command finds its choices: conf/ and the folders that it adds."""
    searched = [Path(one.removeprefix("file://")) for one in plugins.given(words, "hydra.searchpath")]
    return [folder(), *([config_dir] if config_dir is not None else []), *searched]


@contextmanager
def hydra_ready(config_dir: Path | None = None) -> Iterator[None]:
    """Composing in this process, with a folder of choices of one's own as with train's --config-dir."""
    register_resolvers()
    _composed.cache_clear()  # the same words may mean something else in another folder
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folder()), version_base="1.3"):
        if config_dir is not None:
            search_path = create_config_search_path(str(folder()))
            own = f"file://{config_dir.absolute()}"
            search_path.prepend("command-line", own, SearchPathQuery(provider="schema"))
            GlobalHydra.instance().clear()
            Hydra.create_main_hydra2("unix_exp", search_path)
        yield


def typed(parameters: Mapping[str, Any]) -> list[str]:
    return [f"{key}={values}" for key, values in parameters.items()]


def jobs_of(words: Iterable[str]) -> list[tuple[str, ...]]:
    """The same for any command, whose sweep may be in a folder of one's own."""
    words = list(words)
    chosen = [word for word in words if word.startswith(("sweep=", "hydra.searchpath="))]
    sweeper = compose("config", overrides=chosen, return_hydra_config=True).hydra.sweeper
    return expanded([*typed(sweeper.get("params") or {}), *words])


def expanded(words: list[str]) -> list[tuple[str, ...]]:
    """Every combination of values given with commas, by Hydra's own code."""
    (batch,) = BasicSweeper.split_arguments(parsed(words), max_batch_size=None)
    return [tuple(job) for job in batch]


def parsed(words: list[str]) -> list[Override]:
    return OverridesParser.create(config_loader=GlobalHydra.instance().config_loader()).parse_overrides(words)


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


class Spoiled(NamedTuple):
    """A job whose configuration cannot be composed."""

    job: tuple[str, ...]
    flaw: HydraException
    choice: str = ""  # what of the grid spoils it: "experiment=kd"
    better: str = ""  # the choices in its place that do not: "experiment=random,unix"


def spoiled(words: Iterable[str]) -> Spoiled | None:
    """The first spoiled job of a command; where none is better the last, because grids begin with the plainest."""
    try:
        jobs = jobs_of(words)
    except HydraException:
        return None
    for job in jobs:
        if (found := flaw(job)) is not None:
            if narrowed := narrowing(job, jobs):
                return Spoiled(job, found, *narrowed)
            last = flaw(jobs[-1])
            return Spoiled(job, found) if last is None else Spoiled(jobs[-1], last)
    return None


def flaw(job: tuple[str, ...]) -> HydraException | None:
    try:
        composed(job)
    except HydraException as error:
        return error
    return None


def narrowing(job: tuple[str, ...], jobs: list[tuple[str, ...]]) -> tuple[str, str] | tuple[()]:
    """Which one choice spoils a job, told by the jobs that differ from it in that alone."""
    for place, word in enumerate(job):
        near = [one for one in jobs if one[:place] == job[:place] and one[place + 1 :] == job[place + 1 :]]
        if good := [one[place] for one in near if flaw(one) is None]:
            key = word.partition("=")[0]
            return word, f"{key}=" + ",".join(one.removeprefix(f"{key}=") for one in good)
    return ()
