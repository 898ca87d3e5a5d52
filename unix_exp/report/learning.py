"""Learning curves: a record of every epoch, as the mean over an arm's runs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from unix_exp.paper import families
from unix_exp.plots.charts import Line, lines
from unix_exp.plots.curves import MOST_LINES
from unix_exp.plots.svg import decades
from unix_exp.report.arms import Arm, Group
from unix_exp.report.blocks import Figure, slug
from unix_exp.report.runs import Run
from unix_exp.words import counted

MOST_GREY = 24  # curves behind the coloured ones
NOTHING: Mapping[str, str] = MappingProxyType({})
T = TypeVar("T")


def learning_curves(group: Group) -> list[Figure]:
    """Accuracy over epochs, and over the compute spent until then: on test images, or validation images."""
    validated = any(run.chose_on_validation for arm in group.arms for run in arm.runs)
    key, title = ("val/top1", "validation accuracy") if validated else ("test/top1", "test accuracy")
    ordered = most_telling(group.arms)
    members = ordered[:MOST_LINES] + evenly(ordered[MOST_LINES:], MOST_GREY)
    more = ""
    if len(ordered) > MOST_LINES:
        more = (
            f" In colour: {families.conventional()}, the student alone and the best of each method; the rest is grey."
        )
    if left_out := len(ordered) - len(members):
        more += f" Left out to keep the chart readable: {counted(left_out, 'arm')}, evenly spread."
    figures = []
    for x, x_title, name in (
        ("epoch", "epoch", "epochs"), ("cost/total_gflops", "compute spent, GFLOPs", "GFLOPs"),
    ):  # fmt: skip
        curves = [line for arm in members if (line := curve(arm.label, arm.runs, x, key, about=group.about(arm)))]
        if not any(len(line.xs) > 1 for line in curves):
            continue
        log = decades(line.xs[-1] for line in curves)  # what the trainings came to, not how they began
        chart = lines(
            curves, x_title + ", logarithmic" * log, f"{title}, top-1 %",
            title=f"Learning over {name}, {group.title}", styles={arm.label: arm.look for arm in members}, log_x=log,
        )  # fmt: skip
        text = f"{group.title}: learning over {name}; the band is a standard deviation over seeds.{more}"
        figures.append(Figure(chart, text, slug(f"learning {name} {group.dataset} {group.pair}")))
    return figures


def most_telling(arms: Sequence[Arm]) -> list[Arm]:
    """KD and the student alone, the best of each method, the paper's first, then the others by accuracy."""
    known = families.in_order()
    ranked = sorted(
        arms,
        key=lambda arm: (not arm.conventional, arm.taught, arm.family not in known, -arm.top1.mean, arm.label),
    )
    first: dict[str, Arm] = {}
    for arm in ranked:
        first.setdefault(arm.family, arm)
    return [*first.values(), *(arm for arm in ranked if first[arm.family] is not arm)]


def curve(
    label: str, runs: Sequence[Run], x: str, y: str, dashed: bool | None = None, like: str = "",
    about: Mapping[str, str] = NOTHING,
) -> Line | None:  # fmt: skip
    """Two keys of the records, averaged over runs epoch by epoch; None where no run recorded both."""
    by_epoch: dict[int, list[tuple[float, float]]] = {}
    for run in runs:
        for record in run.epochs:
            if x in record and y in record:
                by_epoch.setdefault(record["epoch"], []).append((record[x], record[y]))
    if not by_epoch:
        return None
    ordered = [by_epoch[epoch] for epoch in sorted(by_epoch)]
    means = [statistics.fmean(y for _, y in points) for points in ordered]
    stds = [statistics.stdev(y for _, y in points) if len(points) > 1 else None for points in ordered]
    low, high = band_around(means, stds)
    xs = [statistics.fmean(x for x, _ in points) for points in ordered]
    return Line(label, xs, means, low=low, high=high, dashed=dashed, like=like, about=about)


def band_around(
    means: Sequence[float], stds: Sequence[float | None]
) -> tuple[list[float | None], list[float | None]]:  # fmt: skip
    """One standard deviation below and above each mean; None where one run has no spread."""
    low = [None if std is None else mean - std for mean, std in zip(means, stds, strict=True)]
    high = [None if std is None else mean + std for mean, std in zip(means, stds, strict=True)]
    return low, high


def evenly(things: Sequence[T], most: int) -> list[T]:
    """At most so many of them, spread evenly from the first to the last."""
    if len(things) <= most:
        return list(things)
    return [things[round(number * (len(things) - 1) / (most - 1))] for number in range(most)]
