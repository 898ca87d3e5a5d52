"""Runs that differ in the seed alone are one arm; arms of one pair on one data set stand side by side."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.report.runs import Run
from unix_exp.report.stats import Summary

FAMILIES = {
    "everything": "KD", "random": "Random", "uncertain": "Uncertainty", "mixup": "Mixup",
    "nonadaptive": "Non-adaptive mixup", "unix": "UNIX",
}  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """One configuration, run with some seeds."""

    label: str  # unique in its group
    settings: Settings
    runs: tuple[Run, ...]

    @property
    def seeds(self) -> list[int]:
        return [run.result["seed"] for run in self.runs]

    @property
    def accuracies(self) -> list[float]:
        return [run.top1 for run in self.runs]

    @cached_property
    def top1(self) -> Summary:
        return summary(self.accuracies)

    @cached_property
    def best(self) -> Summary:
        return summary([run.result["best"]["top1"] for run in self.runs])

    @cached_property
    def top5(self) -> Summary:
        return summary([run.result["last"]["top5"] for run in self.runs])

    @property
    def family(self) -> str:
        return family(self.settings)

    @property
    def percent(self) -> float | None:
        """Of conventional KD, the backward pass priced like the forward one, as the paper does."""
        return self.runs[0].result["cost"]["percent_of_kd"]

    @property
    def percent_backward_2(self) -> float | None:
        return self.runs[0].result["cost"]["percent_of_kd_backward_2"]

    @property
    def gflops(self) -> float:
        return self.runs[0].gflops

    @property
    def seconds(self) -> float:
        return summary([run.result["time"]["train_seconds"] for run in self.runs]).mean


@dataclass(frozen=True)
class Group:
    """All arms of one pair on one data set."""

    dataset: str
    pair: str
    arms: tuple[Arm, ...]

    @property
    def title(self) -> str:
        return f"{who(self.arms)} on {self.dataset}"


def who(arms: Sequence[Arm]) -> str:
    """Teacher -> student, or the student alone."""
    result = next((run.result for arm in arms for run in arm.runs if run.result["teacher"]), arms[0].runs[0].result)
    return f"{result['teacher']['name']} → {result['student']}" if result["teacher"] else result["student"]


def summary(values: Sequence[float]) -> Summary:
    found = Summary.of(values)
    assert found is not None, "an arm has a run"
    return found


def groups(runs: Iterable[Run]) -> list[Group]:
    """Pairs of teacher and student; a student alone joins the pairs that it is the student of."""
    by_place: dict[tuple[str, str], list[Run]] = {}
    alone = []
    for run in runs:
        if run.result["teacher"] is None:
            alone.append(run)
        else:
            by_place.setdefault((config.dataset_name(run.settings), run.result["pair"]), []).append(run)
    taught = list(by_place)
    students = {host: by_place[host][0].result["student"] for host in taught}
    for run in alone:
        place = (config.dataset_name(run.settings), run.result["student"])
        hosts = [host for host in taught if (host[0], students[host]) == place]
        for host in hosts or [place]:
            by_place.setdefault(host, []).append(run)
    return [Group(dataset, pair, tuple(arms(members))) for (dataset, pair), members in sorted(by_place.items())]


def arms(runs: Sequence[Run]) -> list[Arm]:
    by_key: dict[str, list[Run]] = {}
    for run in runs:
        by_key.setdefault(json.dumps(what_matters(run), sort_keys=True, default=str), []).append(run)
    members = [sorted(found, key=lambda run: run.result["seed"]) for found in by_key.values()]
    labels = labelled([(found[0].result["method"], what_matters(found[0])) for found in members])
    made = [Arm(label, found[0].settings, tuple(found)) for label, found in zip(labels, members, strict=True)]
    return sorted(made, key=by_rank)


def by_rank(arm: Arm) -> tuple[int, str]:
    """The paper's order of methods, what it doesn't know last."""
    known = list(FAMILIES.values())
    return known.index(arm.family) if arm.family in known else len(known), arm.label


def what_matters(run: Run) -> dict[str, Any]:
    """All settings that a result depends on, but for the seed, by dotted name."""
    settings = run.settings
    chosen = {
        "student": config.without(settings["student"], "pace"),
        "dataset": config.without(settings["dataset"], *config.PLACES),
        **{key: settings[key] for key in ("distiller", "sampler", "criterion", "recipe")},
        **config.precisions(settings.get("runtime") or {}),
    }
    teacher = run.result["teacher"]
    return {**flat(chosen), "teacher": teacher and teacher["identity"]}


def labelled(members: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """The method's name, with the settings in which others of that name differ."""
    labels = []
    for method, settings in members:
        same = [others for name, others in members if name == method]
        differing = [key for key in settings if any(others.get(key) != settings[key] for others in same)]
        named = ", ".join(f"{short(key)}={settings[key]}" for key in differing)
        labels.append(f"{method} {named}".strip())
    return labels


def short(key: str) -> str:
    """sampler.k -> k; recipe.epochs -> epochs; what says little alone keeps its owner."""
    owner, _, name = key.rpartition(".")
    return key if owner.startswith("criterion") or name in ("name", "weight") else name


def flat(settings: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in settings.items():
        values |= flat(value, f"{path}{key}.") if isinstance(value, Mapping) else {f"{path}{key}": value}
    return values


def family(settings: Settings) -> str:
    """What a method is called in figures, whatever its settings: UNIX, Random+AT, from scratch."""
    if settings["distiller"]["name"] == "supervised":
        return "from scratch"
    sampler = settings["sampler"]["name"]
    extra = [{"at": "AT", "sp": "SP", "ce": "label"}.get(name, name) for name in settings["criterion"] if name != "kd"]
    return "+".join([FAMILIES.get(sampler, sampler), *extra])


def percent_of_kd(arm: Arm, group: Group) -> float | None:
    """For an arm without a teacher, of the KD that an arm beside it with as many steps implies."""
    if arm.percent is not None:
        return arm.percent
    for other in group.arms:
        if other.percent is not None and other.runs[0].result["steps"] == arm.runs[0].result["steps"]:
            return other.percent * arm.gflops / other.gflops
    return None


def same_length(group: Group) -> bool:
    """Whether all arms took as many steps, so that shares of KD compare them."""
    return len(set(itertools.chain.from_iterable([run.result["steps"] for run in arm.runs] for arm in group.arms))) == 1
