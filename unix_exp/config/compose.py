"""Configurations composed as Hydra's own entry composes them: one command's, and those of the jobs of a grid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
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
from unix_exp.config.settings import choices_folder, register_resolvers
from unix_exp.config.shared import Sharing, choices_and_values
from unix_exp.types import Mistake


def prepare(words: Iterable[str], config_dir: Path | None = None) -> None:
    """Load a command's plug-ins and make their components choices; call it before Hydra composes anything."""
    words = list(words)
    if config_dir is not None and not config_dir.is_dir():
        raise Mistake(f"--config-dir {config_dir} does not exist; give a folder with choices of your own")
    plugins.load(plugins.named_in(words))
    unwritten.offer(folders(words, config_dir))


def folders(words: Iterable[str] = (), config_dir: Path | None = None) -> list[Path]:
    """Where a command finds its choices: in conf/ and in the folders that it adds."""
    searched = [Path(one.removeprefix("file://")) for one in plugins.given(words, "hydra.searchpath")]
    return [choices_folder(), *([config_dir] if config_dir is not None else []), *searched]


@contextmanager
def hydra_ready(config_dir: Path | None = None) -> Iterator[None]:
    """Compose configurations in here, with choices from --config-dir as in train."""
    register_resolvers()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(choices_folder()), version_base="1.3"):
        if config_dir is not None:
            search_path = create_config_search_path(str(choices_folder()))
            own = f"file://{config_dir.absolute()}"
            search_path.prepend("command-line", own, SearchPathQuery(provider="schema"))
            GlobalHydra.instance().clear()
            Hydra.create_main_hydra2("unix_exp", search_path)
        ready = GlobalHydra.instance().hydra
        assert ready is not None and isinstance(ready.config_loader, ConfigLoaderImpl)
        ready.config_loader = Sharing(ready.config_loader)
        yield


def typed(parameters: Mapping[str, Any]) -> list[str]:
    return [f"{key}={values}" for key, values in parameters.items()]


def jobs_of(words: Iterable[str]) -> list[tuple[str, ...]]:
    """The jobs of a command, which may choose a sweep, also one from a folder of its own."""
    words = list(words)
    chosen = [word for word in words if word.startswith(("sweep=", "hydra.searchpath="))]
    return expanded([*typed(sweeper_of(chosen).get("params") or {}), *words])


def sweeper_of(words: list[str]) -> DictConfig:
    """The settings of Hydra's sweeper, by the words that choose them."""
    sweeper: DictConfig = compose("config", overrides=words, return_hydra_config=True).hydra.sweeper
    return sweeper


def expanded(words: list[str]) -> list[tuple[str, ...]]:
    """Every combination of values given with commas, by Hydra's own code."""
    (batch,) = BasicSweeper.split_arguments(parsed(words), max_batch_size=None)
    return [tuple(job) for job in batch]


def parsed(words: list[str]) -> list[Override]:
    return OverridesParser.create(config_loader=GlobalHydra.instance().config_loader()).parse_overrides(words)


def as_choices(words: list[str]) -> list[str]:
    """Settings as choices of one value: these reach the jobs of a grid and nothing else.

    Hydra first composes the words without the grid, where `distiller.lr=0.005` fails if only the grid names a method
    with such a setting.
    """
    found = []
    for word, override in zip(words, parsed(words), strict=True):
        key, _, value = word.partition("=")
        fixed = "." in key and value and not override.is_sweep_override() and not key.startswith(("hydra.", "+", "~"))
        found.append(f"{key}=choice({value})" if fixed else word)
    return found


def composed(job: tuple[str, ...]) -> DictConfig:
    """A job's whole configuration."""
    return compose("config", overrides=list(job))


def choices_of(words: Iterable[str]) -> Mapping[str, Any]:
    """What a command chose, by group."""
    choices, _ = choices_and_values(tuple(words))
    chosen: Mapping[str, Any] = compose("config", list(choices), return_hydra_config=True).hydra.runtime.choices
    return chosen


class Invalid(NamedTuple):
    """A job whose configuration cannot be composed."""

    job: tuple[str, ...]
    error: HydraException
    choice: str = ""  # the word of the job that makes it invalid: "experiment=kd"
    valid: str = ""  # the other choices of the grid, which do not: "experiment=random,unix"


def first_invalid(words: Iterable[str]) -> Invalid | None:
    """The first invalid job of a command; where all choices are invalid the last, as grids begin with the plainest."""
    try:
        jobs = jobs_of(words)
    except HydraException:
        return None
    for job in jobs:
        if (error := error_in(job)) is not None:
            if choice := choice_to_blame(job, jobs):
                return Invalid(job, error, *choice)
            last = error_in(jobs[-1])
            return Invalid(job, error) if last is None else Invalid(jobs[-1], last)
    return None


def error_in(job: tuple[str, ...]) -> HydraException | None:
    try:
        composed(job)
    except HydraException as error:
        return error
    return None


def choice_to_blame(job: tuple[str, ...], jobs: list[tuple[str, ...]]) -> tuple[str, str] | tuple[()]:
    """The one choice that makes a job invalid: the jobs that differ in it alone are valid."""
    for position, word in enumerate(job):
        others = [one for one in jobs if one != job and without(one, position) == without(job, position)]
        if valid := [one[position] for one in others if error_in(one) is None]:
            key = word.partition("=")[0]
            return word, f"{key}=" + ",".join(one.removeprefix(f"{key}=") for one in valid)
    return ()


def without(job: tuple[str, ...], position: int) -> tuple[str, ...]:
    return job[:position] + job[position + 1 :]
