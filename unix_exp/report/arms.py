"""Runs that differ in the seed alone are one arm; arms of one pair on one data set stand side by side."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.report.runs import Run
from unix_exp.report.stats import Summary
from unix_exp.report.table import compute_share

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
    def gflops(self) -> float:
        return self.runs[0].gflops

    @property
    def seconds(self) -> float:
        """The median: one disturbed run says little of a method's time."""
        return statistics.median(run.result["time"]["train_seconds"] for run in self.runs)


@dataclass(frozen=True)
class Group:
    """All arms of one pair on the same images."""

    dataset: str
    pair: str
    arms: tuple[Arm, ...]
    of: str = ""  # which images, where a data set of that name came in several forms

    @property
    def title(self) -> str:
        return f"{who(self.arms)} on {self.dataset}" + (f" ({self.of})" if self.of else "")


def who(arms: Sequence[Arm]) -> str:
    """Teacher -> student, or the student alone."""
    result = next((run.result for arm in arms for run in arm.runs if run.result["teacher"]), arms[0].runs[0].result)
    return f"{result['teacher']['name']} → {result['student']}" if result["teacher"] else result["student"]


def summary(values: Sequence[float]) -> Summary:
    found = Summary.of(values)
    assert found is not None, "an arm has a run"
    return found


def groups(runs: Iterable[Run]) -> list[Group]:
    """Pairs of teacher and student on the same images; a student alone joins the pairs that it is the student of."""
    members: dict[tuple[Images, str], list[Run]] = {}
    alone = []
    for run in runs:
        if run.result["teacher"] is None:
            alone.append(run)
        else:
            members.setdefault((Images.of(run), run.result["pair"]), []).append(run)
    taught = {place: found[0].result["student"] for place, found in members.items()}
    for run in alone:
        hosts = [place for place in taught if (place[0], taught[place]) == (Images.of(run), run.result["student"])]
        for host in hosts or [(Images.of(run), run.result["student"])]:
            members.setdefault(host, []).append(run)
    places = sorted(members, key=lambda place: (place[0].dataset, place[1], str(place[0])))
    return [
        Group(images.dataset, pair, tuple(arms(members[images, pair])), images.apart_from([one for one, _ in places]))
        for images, pair in places
    ]


class Images(NamedTuple):
    """What a network was trained and tested on."""

    dataset: str
    settings: tuple[tuple[str, str], ...]
    fingerprint: str

    @classmethod
    def of(cls, run: Run) -> Images:
        settings = config.without(run.settings["dataset"], *config.PLACES, "name")
        told = tuple((key, str(value)) for key, value in settings.items())
        return cls(config.dataset_name(run.settings), told, str(run.result.get("fingerprint")))

    def apart_from(self, others: Iterable[Images]) -> str:
        """In words, where others of that name differ; the settings first, for they say more."""
        same_name = [one for one in others if one.dataset == self.dataset and one != self]
        differing = [f"{key}={value}" for key, value in self.settings
                     if any(dict(one.settings).get(key) != value for one in same_name)]  # fmt: skip
        if not differing and any(one.fingerprint != self.fingerprint for one in same_name):
            return f"images {self.fingerprint[:8]}"
        return ", ".join(differing)


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
        **config.precisions(settings),
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


def share_of_kd(arm: Arm, group: Group) -> float | None:
    return compute_share(arm.runs[0].result, [other.runs[0].result for other in group.arms])


def images_seen(arm: Arm) -> int:
    """How long a training was, whatever its batch."""
    return arm.runs[0].result["steps"] * arm.settings["recipe"]["batch"]


def same_length(group: Group) -> bool:
    """Whether all arms were trained on as many images, so that shares of KD compare them."""
    return len({images_seen(arm) for arm in group.arms}) == 1
