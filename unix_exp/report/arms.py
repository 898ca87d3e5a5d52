"""Runs that differ in the seed alone are one arm; arms of one pair on one data set stand side by side."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from unix_exp import config, paper
from unix_exp.config import Settings
from unix_exp.paper import families
from unix_exp.plots.markers import PLAIN, Style
from unix_exp.report.blocks import RUNS
from unix_exp.report.naming import detailed, labelled
from unix_exp.report.runs import Run
from unix_exp.report.stats import Summary
from unix_exp.report.table import compute_share
from unix_exp.words import counted

STORED = ", stored"  # at the end of a family's name


@dataclass(frozen=True)
class Arm:
    """One configuration, run with some seeds."""

    label: str  # unique in its group
    settings: Settings
    runs: tuple[Run, ...]
    details: str = ""  # all settings in which others of its method differ
    look: Style = PLAIN  # in figures

    @property
    def accuracies(self) -> list[float]:
        return [run.top1 for run in self.runs]

    @cached_property
    def determining(self) -> dict[str, Any]:
        return determining_settings(self.runs[0])

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
        """What figures call the method, whatever its settings."""
        distiller, sampler = self.settings["distiller"]["name"], self.settings["sampler"]["name"]
        alone = paper.published()["alone"]
        if not self.taught and distiller == alone["distiller"]:
            return str(alone["family"])
        stored = STORED if self.stored else ""
        if distiller == paper.published()["unsaid"]["distiller"]:
            return families.family(sampler, self.settings["criterion"]) + stored
        # The criteria of another method stand beside its own losses, so labels alone make none of KD.
        chosen = [] if sampler == paper.published()["conventional"]["sampler"] else [families.of_sampler(sampler)]
        return ", ".join([distiller, *chosen, "+".join(self.settings["criterion"])]) + stored

    @property
    def taught(self) -> bool:
        """Whether its student learned from a teacher."""
        return self.runs[0].result["teacher"] is not None

    @cached_property
    def conventional(self) -> bool:
        """Whether it is conventional distillation, alone or beside other criteria."""
        usual = paper.published()["conventional"]
        chosen = (self.settings["distiller"]["name"], self.settings["sampler"]["name"])
        return (
            not config.of_answers(self.settings)
            and chosen == (usual["distiller"], usual["sampler"])
            and usual["criterion"] in self.settings["criterion"]
        )

    @property
    def stored(self) -> bool:
        """Whether its teacher's answers were stored."""
        return bool(config.of_answers(self.settings).get("stored"))

    @property
    def percent(self) -> float | None:
        """Compute in % of conventional KD, a backward pass priced like a forward pass, as in the paper."""
        return self.runs[0].result["cost"]["percent_of_kd"]

    @property
    def gflops(self) -> float:
        return self.runs[0].gflops

    @property
    def seconds(self) -> float:
        """Of training, and of making the stored answers: the median over runs, for one may have a busy machine."""
        return statistics.median(
            run.result["time"]["train_seconds"] + run.result.get("answers", {}).get("seconds", 0.0) for run in self.runs
        )


@dataclass(frozen=True)
class Group:
    """All arms of one pair on the same images."""

    dataset: str
    pair: str
    arms: tuple[Arm, ...]
    images: str = ""  # which images, where runs on a data set of that name had different ones
    length: str = ""  # how long they were trained, where arms of another length stand apart
    styles: Mapping[str, Style] = field(default_factory=dict)  # of all families of the report

    @cached_property
    def title(self) -> str:
        details = "".join(f" ({one})" for one in (self.images, self.length) if one)
        return f"{networks_of(self.arms)} on {self.dataset}{details}"

    def about(self, arm: Arm) -> dict[str, str]:
        """What a row, a point or a line of one of its arms is about."""
        seeds = " ".join(str(run.result["seed"]) for run in arm.runs)
        return {"dataset": self.dataset, "pair": self.pair, "method": arm.runs[0].result["method"],
                "family": arm.family, "seed": seeds, RUNS: " ".join(run.page for run in arm.runs)}  # fmt: skip


def networks_of(arms: Sequence[Arm]) -> str:
    """Teacher → student, or the student alone."""
    results = [run.result for arm in arms for run in arm.runs]
    student = results[0]["student"]
    return next((f"{teacher['name']} → {student}" for one in results if (teacher := one["teacher"])), student)


def summary(values: Sequence[float]) -> Summary:
    made = Summary.of(values)
    assert made is not None, "an arm has at least one run"
    return made


def groups(runs: Iterable[Run]) -> list[Group]:
    """Pairs of teacher and student on the same images; a student without a teacher joins every pair that it is in."""
    members: dict[tuple[Images, str], list[Run]] = {}
    alone = []
    for run in runs:
        if run.result["teacher"] is None:
            alone.append(run)
        else:
            members.setdefault((Images.of(run), run.result["pair"]), []).append(run)
    taught = {key: tuple(same) for key, same in members.items()}
    for run in alone:
        images, student = Images.of(run), run.result["student"]
        hosts = [key for key, same in taught.items() if key[0] == images and comparable(run, same)]
        for host in hosts or [(images, student)]:
            members.setdefault(host, []).append(run)
    keys = sorted(members, key=lambda key: (key[0].dataset, key[1], str(key[0])))
    all_images = [images for images, _ in keys]
    return [
        Group(images.dataset, pair, tuple(arms(members[images, pair])), images.difference(all_images))
        for images, pair in keys
    ]


def comparable(alone: Run, taught: Sequence[Run]) -> bool:
    """Whether a student without a teacher was trained as long as one of these, and is the same network."""
    epochs = {run.settings["recipe"]["epochs"] for run in taught}
    return alone.result["student"] == taught[0].result["student"] and alone.settings["recipe"]["epochs"] in epochs


class Images(NamedTuple):
    """What a network was trained and tested on."""

    dataset: str
    settings: tuple[tuple[str, str], ...]
    fingerprint: str

    @classmethod
    def of(cls, run: Run) -> Images:
        settings = config.without(config.completed("dataset", run.settings), *config.PLACES, "name")
        shown = tuple((key, str(config.alike(value))) for key, value in settings.items())
        return cls(run.result["dataset"], shown, str(run.result.get("fingerprint")))

    def difference(self, others: Iterable[Images]) -> str:
        """What sets these images apart from others of that name: the settings, or the fingerprint where they agree."""
        same_name = [one for one in others if one.dataset == self.dataset and one != self]
        differing = [f"{key}={value}" for key, value in self.settings
                     if any(dict(one.settings).get(key) != value for one in same_name)]  # fmt: skip
        if not differing and any(one.fingerprint != self.fingerprint for one in same_name):
            return f"images {self.fingerprint[:8]}"
        return ", ".join(differing)


def arms(runs: Sequence[Run]) -> list[Arm]:
    by_key: dict[str, list[Run]] = {}
    for run in runs:
        by_key.setdefault(json.dumps(determining_settings(run), sort_keys=True, default=str), []).append(run)
    members = [sorted(same, key=lambda run: run.result["seed"]) for same in by_key.values()]
    named = [(same[0].result["method"], determining_settings(same[0])) for same in members]
    made = [
        Arm(label, same[0].settings, tuple(same), details)
        for label, details, same in zip(labelled(named), detailed(named), members, strict=True)
    ]
    return sorted(made, key=rank)


def rank(arm: Arm) -> tuple[int, str]:
    """The paper's order of methods; families that it does not have come last."""
    known = families.in_order()
    return known.index(arm.family) if arm.family in known else len(known) - 1, arm.label


def determining_settings(run: Run) -> dict[str, Any]:
    """All settings that a result depends on, but for the seed, by dotted name."""
    settings = run.settings
    chosen = {
        "student": config.without(settings["student"], "pace"),
        "dataset": config.without(config.completed("dataset", settings), *config.PLACES),
        **{key: settings[key] for key in ("distiller", "sampler", "criterion")},
        "recipe": config.whole_recipe(settings["recipe"]),
        "answers": config.of_answers(settings),
        **run.precisions,
    }
    teacher = run.result["teacher"]
    networks: dict[str, Any] = {
        role: one.get("identity") for role, one in run.result.get("networks", {}).items() if role != "student"
    }
    beside = {role: one for role, one in run.result.get("networks", {}).items() if role not in ("student", "teacher")}
    for role, one in beside.items():
        networks |= {f"{role}_{key}": value for key, value in config.asked_for_less(one).items()}
    code = {f"plugin {name}": content for name, content in run.result.get("plugins", {}).items()}
    whole = {**config.flat(chosen), **networks, **code, "teacher": teacher and teacher["identity"]}
    return dict(config.alike(whole))  # 15 and 15.0 are one arm


def share_of_kd(arm: Arm, group: Group) -> float | None:
    return compute_share(arm.runs[0].result, [other.runs[0].result for other in group.arms])


def schedule_of(arm: Arm) -> str:
    """The schedule of KD that its share of compute is a percentage of; older records have one stage and its steps."""
    result, epochs = arm.runs[0].result, arm.settings["recipe"]["epochs"]
    named = result["cost"].get("against")
    return named or f"plain distillation for {epochs} epochs of {result['steps'] // epochs} steps"


def same_length(group: Group) -> bool:
    """Whether all arms are held against the same schedule, so that their shares of KD can be compared."""
    return len(set(map(schedule_of, group.arms))) == 1


def by_length(group: Group) -> list[Group]:
    """Its arms apart by the schedule that they are held against; the group itself where all share one."""
    if same_length(group):
        return [group]
    same: dict[str, list[Arm]] = {}
    for arm in group.arms:
        same.setdefault(schedule_of(arm), []).append(arm)
    return [
        replace(group, arms=tuple(arms), length=counted(arms[0].settings["recipe"]["epochs"], "epoch"))
        for arms in same.values()
    ]
