"""Which runs are meant: pair=vgg13_vgg8 method=kd,unix seed=0 status=failed tag=paper recipe.epochs=20."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

import yaml

from unix_exp import config
from unix_exp.runs.entry import STATES, Entry, mapping
from unix_exp.types import Mistake
from unix_exp.words import nearest

OF_RUNS: dict[str, Callable[[Entry], Any]] = {
    "pair": lambda one: one.pair,
    "method": lambda one: one.method,
    "dataset": lambda one: one.dataset,
    "seed": lambda one: one.seed,
    "status": lambda one: one.state,
    "tag": lambda one: one.tags,
    "name": lambda one: one.name,
    "identity": lambda one: one.identity,
}
SORTS: dict[str, Callable[[Entry], Any]] = {
    "top1": lambda one: one.top1,
    "compute": lambda one: one.percent,
    "gflops": lambda one: one.gflops,
    "time": lambda one: one.seconds,
    "age": lambda one: -one.ended,
    "epochs": lambda one: one.epochs,
}
HIGHEST_FIRST = ("top1", "epochs")


def chosen(runs: Iterable[Entry], words: Sequence[str]) -> list[Entry]:
    """The runs that fit every word; a word that fits none because it is misspelt is a mistake."""
    runs = list(runs)
    left = runs
    for word in words:
        key, equals, wanted = word.partition("=")
        if not equals or not key or not wanted:
            raise Mistake(f"'{word}' is no filter; write key=value, such as method=kd or recipe.epochs=20")
        check_key(key, runs)
        if key == "status" and (wrong := [one for one in wanted.split(",") if one not in STATES]):
            raise Mistake(f"status is '{wrong[0]}'; {nearest(wrong[0], STATES)}")
        left = [one for one in left if fits(values_of(one, key), wanted)]
        if not left and key != "status" and not any(fits(values_of(one, key), wanted) for one in runs):
            there = sorted({str(value) for one in runs for value in values_of(one, key)})
            if 0 < len(there) <= 50:
                raise Mistake(f"no run has {key}={wanted}; {nearest(wanted, there)}")
    return left


def check_key(key: str, runs: Sequence[Entry]) -> None:
    if key in OF_RUNS or not runs or any(values_of(one, key) for one in runs):
        return
    known = {*OF_RUNS, *(name for one in runs[:200] for name in config.flat(one.settings))}
    raise Mistake(f"no run has a setting '{key}'; {nearest(key, known) if len(known) < 30 else nearest_of(key, known)}")


def nearest_of(key: str, known: Iterable[str]) -> str:
    """Of hundreds of settings the closest one, by its whole name or by its last part; never all of them."""
    by_last = {name.rpartition(".")[2]: name for name in sorted(known, reverse=True)}
    if key in by_last:
        return f"did you mean '{by_last[key]}'?"
    hint = nearest(key, known)
    return hint if hint.startswith("did you mean") else "python -m unix_exp.runs show RUN lists the settings of one"


def values_of(run: Entry, key: str) -> list[Any]:
    """What a run has there: several where it has several tags, or criteria."""
    if key in OF_RUNS:
        found = OF_RUNS[key](run)
        return found if isinstance(found, list) else [] if found in (None, "") else [found]
    node: Any = run.settings
    for part in key.split("."):
        if part not in mapping(node):
            return []
        node = node[part]
    if not isinstance(node, dict):
        return [node]
    if "name" in node:  # a component or a network is chosen by name, one of a library by its architecture
        return [node["name"], *([node["arch"]] if node.get("arch") else [])]
    return list(node)  # criteria are chosen as names of groups of settings


def fits(values: Iterable[Any], wanted: str) -> bool:
    """Whether one of the values is what was typed, or one of those typed with commas; * and ? stand for any text."""
    return any(same(value, one) for value in values for one in alternatives(wanted))


def alternatives(wanted: str) -> list[str]:
    return [wanted] if wanted.startswith("[") else wanted.split(",")


def same(value: Any, wanted: str) -> bool:
    if fnmatchcase(str(value), wanted):
        return True
    try:
        typed = yaml.safe_load(wanted)
    except yaml.YAMLError:
        return False
    return type(typed) is not str and config.alike(typed) == config.alike(value) and type(value) is not str


def in_order(runs: Iterable[Entry], key: str = "age", reverse: bool = False) -> list[Entry]:
    """By a column or any setting, the best and the latest first; runs without it are last."""
    runs = list(runs)
    if key not in SORTS:
        if key not in OF_RUNS and runs and not any(values_of(one, key) for one in runs):
            raise Mistake(f"--sort is '{key}'; {nearest(key, {*SORTS, *OF_RUNS})}")
        pairs = [(next(iter(values_of(one, key)), None), one) for one in runs]
    else:
        pairs = [(SORTS[key](one), one) for one in runs]
    there = [(rank(value), one) for value, one in pairs if value is not None]
    there.sort(key=lambda pair: pair[0], reverse=reverse != (key in HIGHEST_FIRST))
    return [one for _, one in there] + [one for value, one in pairs if value is None]


def rank(value: Any) -> tuple[int, float, str]:
    """Numbers by their size, before texts."""
    number = isinstance(value, (int, float))
    return (0, float(value), "") if number else (1, 0.0, str(value))
