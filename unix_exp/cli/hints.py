"""What was meant by a setting that there is not: found in the configuration, in other choices, in others' words."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from omegaconf import DictConfig, OmegaConf

from unix_exp.cli.help import groups
from unix_exp.config.unwritten import GROUPS
from unix_exp.run.foreign import yaml_of
from unix_exp.words import alike, closest

MOST = 3  # suggestions in a line
NEAR = 0.85  # how close a misspelt name has to be where all settings of all groups are compared
ON, OFF = ("true", "yes", "on"), ("false", "no", "off", "null", "none")
OF_TEACHER = "teacher_"
IS_OF = " is a setting of "
CHOSEN_FIRST = (
    "experiment",
    "criterion",
    "sampler",
    "distiller",
    "student",
)  # of several choices of one name
# Whose settings are looked up: of networks a student's alone.
OWNERS = {names[min(1, len(names) - 1)] for names in GROUPS.values()} | {"answers"}  # networks as students alone


class Typed(NamedTuple):
    """A word that sets what there is not."""

    key: str  # "train.epochs"
    value: str

    @property
    def last(self) -> str:
        return last(self.key)

    @property
    def top(self) -> str:
        """The group that it is in, or it alone."""
        return self.key.partition(".")[0]


def hint(typed: Typed, whole: DictConfig, folders: Sequence[Path]) -> str | None:
    """What to type instead, or why there is nothing to type; None where nothing is near."""
    if typed.top not in whole and (said := table().advice.get(alike(typed.last))) is not None:
        return said
    choices = groups(folders)
    if words := of_others(typed, choices):
        return did_you_mean(words, typed.value)
    typed = renamed(typed)
    own, others = in_configuration(typed, whole)
    owned = elsewhere(typed, folders) if not own else []
    of_same_group = [one for one in owned if one.startswith(f"'{typed.top}.")]
    if words := own or ([] if of_same_group else others or named_so(typed, choices)):
        return did_you_mean(words, typed.value)
    if owned:
        return ", ".join((of_same_group or owned)[:MOST]).replace(IS_OF, " of ").replace(" of ", IS_OF, 1)
    return did_you_mean(words, typed.value) if (words := almost(typed, whole)) else None


def is_others(typed: Typed) -> bool:
    """Whether other programs have a setting of this name."""
    return any(alike(name) in known for name in (typed.key, typed.last) for known in (table().same, table().switches))


def did_you_mean(words: Sequence[str], value: str) -> str:
    several = " -m" if "," in value and not value.startswith(("[", "{", "'", '"')) else ""
    return "did you mean " + " or ".join(f"'{word}{several}'" for word in words[:MOST]) + "?"


def of_others(typed: Typed, choices: Mapping[str, Sequence[str]]) -> list[str]:
    """What chooses or switches it here, by what other programs call it."""
    for name in dict.fromkeys(map(alike, (typed.key, typed.last))):
        if (switch := table().switches.get(name)) is not None:
            state = "true" if typed.value.lower() in ON else "false" if typed.value.lower() in OFF else "other"
            return [str(switch[state]).format(value=typed.value)]
        for key in (found := table().same.get(name, [])):
            if key in choices and (near := closest(typed.value, choices[key])) is not None:
                return [f"{key}={near}"]
        if found and ("=" in found[-1] or "." not in found[-1]):  # a group's value may be a choice of someone's own
            return [f"{found[-1]}={typed.value}"]
    return []


def renamed(typed: Typed) -> Typed:
    """By the name that the setting has here."""
    for name in (typed.key, typed.last):
        if found := table().same.get(alike(name)):
            return typed._replace(key=found[-1].lstrip("."))
    return typed


def in_configuration(typed: Typed, whole: DictConfig) -> tuple[list[str], list[str]]:
    """The settings of this last name: those of the group that was typed, and the others."""
    found = [path for path in paths(OmegaConf.to_container(whole)) if alike(last(path)) == alike(typed.last)]
    ordered = sorted(found, key=lambda path: (path.startswith("teacher"), path.count(".")))
    own = [path for path in ordered if path.startswith((f"{typed.top}.", f"{typed.top}_")) and "." in typed.key]
    others = [path for path in ordered if not path.startswith(OF_TEACHER)] or ordered
    return [f"{path}={typed.value}" for path in own], [f"{path}={typed.value}" for path in others]


def almost(typed: Typed, whole: DictConfig) -> list[str]:
    """The setting of a name that is nearly this one, in a group."""
    by_last = {last(path): path for path in reversed(list(paths(OmegaConf.to_container(whole)))) if "." in path}
    plain = {key: path for key, path in by_last.items() if not path.startswith(OF_TEACHER)}
    near = difflib.get_close_matches(typed.last, plain, n=1, cutoff=NEAR)
    return [f"{plain[one]}={typed.value}" for one in near]


def named_so(typed: Typed, choices: Mapping[str, Sequence[str]]) -> list[str]:
    """The choices that have the name of what was typed as a setting: unix=true."""
    order = [*CHOSEN_FIRST, *(group for group in choices if group not in CHOSEN_FIRST)]
    known = ((group, name) for group in order for name in choices.get(group, ()))
    return [f"{group}={name}" for group, name in known if alike(name) == alike(typed.key)]


def elsewhere(typed: Typed, folders: Sequence[Path]) -> list[str]:
    """Which other choices have a setting of this name: 'sampler.held_out' is a setting of sampler=rho."""
    owners: dict[str, list[str]] = {}
    for path, group, choice in settings_of_choices(folders):
        if alike(last(path)) == alike(typed.last):
            owners.setdefault(f"'{path}'{IS_OF}{group}=", []).append(choice)
    return [said + listed(choices[:MOST]) for said, choices in owners.items()]


def listed(names: Sequence[str]) -> str:
    """a, b or c"""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def settings_of_choices(folders: Sequence[Path]) -> Iterator[tuple[str, str, str]]:
    """The settings of every choice that has a file, with its group and its name."""
    for path in sorted(path for folder in folders for path in folder.glob("*/*.yaml")):
        group = path.parent.name
        if group not in OWNERS:
            continue
        with suppress(OSError, ValueError):
            found = yaml_of(path) or {}
            own = found.get(group, found)  # a file for the whole configuration has them below their group
            yield from ((f"{group}.{key}", group, path.stem) for key in paths(own) if key != "name")


def paths(node: Any, before: str = "") -> Iterator[str]:
    """The path of every setting in a configuration."""
    for key, value in node.items() if isinstance(node, dict) else ():
        if isinstance(value, dict):
            yield from paths(value, f"{before}{key}.")
        else:
            yield f"{before}{key}"


def last(path: str) -> str:
    return path.rpartition(".")[2]


class Table(NamedTuple):
    """What other programs call things, by the names that they have there."""

    same: Mapping[str, list[str]]
    switches: Mapping[str, Mapping[str, str]]
    advice: Mapping[str, str]


@cache
def table() -> Table:
    read = yaml.load((Path(__file__).parent / "others_words.yaml").read_text(encoding="utf-8"), yaml.BaseLoader)
    same: dict[str, list[str]] = {}
    for key, names in read["same"].items():
        for name in names:
            same.setdefault(alike(name), []).append(key)
    switches = {alike(name): one for one in read["switches"] for name in one["names"]}
    return Table(same, switches, {alike(name): one["say"] for one in read["advice"] for name in one["names"]})
