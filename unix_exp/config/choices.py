"""What a command chose: one of each group, and whether its experiment's name still says what the run does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from unix_exp.config.settings import OF_WEIGHTS
from unix_exp.types import Mistake

SINGLE = ("teacher", "assistant", "student", "sampler", "dataset", "distiller", "recipe", "runtime")
METHOD = ("sampler", "criterion", "distiller")  # what a method's name stands for
TEACHING = ("assistant", "teacher.checkpoint")  # and this, where its experiment says who teaches


def checked(choices: Mapping[str, Any], whole: DictConfig, words: Iterable[str]) -> str | None:
    """Refuse choices that cannot be combined; where they make an experiment's name untrue, drop it and say why."""
    check_single(choices, whole)
    return name_by_parts(choices, whole, words)


def checked_job(job: Any, whole: DictConfig) -> str | None:
    """The same of a job that Hydra composed, by Hydra's own part of the configuration."""
    searched = [word for word in job.overrides.hydra if word.startswith("hydra.searchpath=")]
    return checked(job.runtime.choices, whole, [*searched, *job.overrides.task])


def check_single(choices: Mapping[str, Any], whole: DictConfig) -> None:
    """Only criteria and loggers add up; Hydra would merge the settings of two samplers into one."""
    for group in SINGLE:
        settings = whole.get(group) or {}
        if not isinstance(settings, Mapping):
            raise Mistake(no_settings(group, settings))
        chosen = set(settings) - set(OF_WEIGHTS)
        if chosen and group not in choices:  # Hydra leaves out what was given as a list
            raise Mistake(f"{group} takes one choice; to run each of several, write {group}=NAME,NAME -m")


def no_settings(group: str, value: Any) -> str:
    """What a YAML that gives a group a number, a text or a list did."""
    return f"{group} is {str(value)[:40]!r}; it holds settings: choose it with {group}=NAME"


def name_by_parts(choices: Mapping[str, Any], whole: DictConfig, words: Iterable[str]) -> str | None:
    """Drop the name of an experiment whose sampler, criterion or distiller the command replaces; why, in a line.

    Settings of the experiment's own components keep its name, and so does method=NAME. Hydra must be ready to compose.
    """
    words = list(words)
    own = [word for word in words if owner(word) not in METHOD and not on_teaching(word)]
    named = whole.get("method")
    if not choices.get("experiment") or named is None or own == words or any(owner(word) == "method" for word in own):
        return None
    without = composed(own)
    found = components(without) if without is not None else {}  # where it needs what the command adds, all is replaced
    replaced = [part for part, names in components(whole).items() if names != found.get(part)]
    if without is not None and any(map(on_teaching, words)):
        plain = composed([word for word in own if owner(word) != "experiment"])
        before, after = teaching(without), teaching(whole)
        chosen = {part for part in TEACHING if plain is not None and before[part] != teaching(plain)[part]}
        replaced += [part for part in TEACHING if part in chosen and after[part] != before[part]]
    if not replaced:
        return of_other_values(str(choices["experiment"]), str(named), whole, without, words) if without else None
    whole.method = None
    return (
        f"{' and '.join(replaced)} changed: this run is named after its parts and not '{named}', "
        f"as experiment={choices['experiment']} is (method=NAME gives it a name)"
    )


def of_other_values(experiment: str, named: str, whole: DictConfig, own: DictConfig, words: list[str]) -> str | None:
    """What to say of a run that keeps its experiment's name while the command sets what the experiment's file sets."""
    typed = [word.partition("=")[0].lstrip("+~") for word in words]
    given = [key for key in set_by(experiment) if any(within(key, one) or within(one, key) for one in typed)]
    values = ((key, OmegaConf.select(own, key), OmegaConf.select(whole, key)) for key in given)
    other = [f"{key}={before} and this run {after}" for key, before, after in values if before != after]
    if not other:
        return None
    return f"experiment={experiment} has {', '.join(other)}; it is still called '{named}' (method=NAME renames it)"


def within(key: str, group: str) -> bool:
    return f"{key}.".startswith(f"{group}.")


def set_by(experiment: str) -> list[str]:
    """The settings in an experiment's file, by dotted name."""
    found = GlobalHydra.instance().config_loader().repository.load_config(f"experiment/{experiment}")  # type: ignore[attr-defined]
    return list(dotted(OmegaConf.to_container(found.config, resolve=False))) if found is not None else []


def dotted(node: Any, path: str = "") -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from dotted(value, f"{path}{key}.")
        elif path:  # defaults and method are no settings of a component
            yield f"{path}{key}"


def composed(words: list[str]) -> DictConfig | None:
    """None where these words need others."""
    try:
        return compose("config", overrides=words)
    except HydraException:
        return None


def teaching(whole: DictConfig) -> dict[str, Any]:
    """Whether an assistant stands between teacher and student, and where the teacher's weights come from."""
    teacher = whole.get("teacher")
    found = teacher.get("checkpoint") if isinstance(teacher, DictConfig) else None
    return dict(zip(TEACHING, (whole.get("assistant") is not None, found), strict=True))


def on_teaching(word: str) -> bool:
    return owner(word) == "assistant" or word.partition("=")[0].lstrip("+~") == "teacher.checkpoint"


def owner(word: str) -> str:
    """Of sampler=random, +sampler.k=4 and ~sampler the sampler."""
    return re.split(r"[.@=:]", word.lstrip("+~"), maxsplit=1)[0]


def components(whole: DictConfig) -> dict[str, list[str]]:
    """The names of the parts of a method."""
    found: dict[str, list[str]] = {}
    for part in METHOD:
        node = whole.get(part)
        names = list(node) if part == "criterion" and isinstance(node, DictConfig) else []
        if part != "criterion" and isinstance(node, DictConfig):
            names = [node.get("name")]
        found[part] = sorted(map(str, names))
    return found
