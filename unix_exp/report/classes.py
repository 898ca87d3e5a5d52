"""Figures 5 and 6: the images drawn of each class, and the accuracy that the class reaches."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from typing import TypeAlias

from unix_exp import paper
from unix_exp.paper import families
from unix_exp.plots.charts import Line, Point, heatmap, lines, scatter
from unix_exp.plots.svg import span
from unix_exp.report.arms import Arm, Group
from unix_exp.report.blocks import Figure, slug
from unix_exp.report.runs import Run
from unix_exp.report.selection import figure_name, of_each_family

Member: TypeAlias = "tuple[Arm, list[float], list[float]]"  # images drawn and accuracy, class by class


def class_figures(group: Group) -> list[Figure]:
    """Figures 5 and 6; none where no run recorded its classes."""
    members = [
        (arm, drawn, accuracy)
        for arm in of_each_family(group.arms)
        for drawn, accuracy in [by_class(arm.runs)]
        if accuracy
    ]
    if not members:
        return []
    members = [member for member in members if len(member[2]) == len(members[0][2])]
    sorted_by = families.of_sampler(paper.published()["selection"]["sorted_by"])
    leader = next((member for member in members if member[0].family == sorted_by), members[0])
    figures = [drawn_and_accuracy(group, members), sorted_accuracies(group, members, leader)]
    maps = [(arm, counts_by_epoch(arm, easiest_first(accuracy))) for arm, _, accuracy in members]
    values = [value for _, rows in maps for row in rows for value in row]
    limits = span(values, 0.0)  # one scale, so that the maps can be compared
    return [*figures, *(selection_map(group, arm, rows, limits) for arm, rows in maps)]


def by_class(runs: Sequence[Run]) -> tuple[list[float], list[float]]:
    """Images drawn in the whole run and last accuracy, class by class, means over runs; empty where not recorded."""
    drawn, accuracy = [], []
    for run in runs:
        counts = [record["drawn_per_class"] for record in run.analysis if record.get("drawn_per_class")]
        last = [record["accuracy_per_class"] for record in run.analysis if record.get("accuracy_per_class")]
        if counts and last:
            drawn.append([sum(of_class) for of_class in zip(*counts, strict=True)])
            # Where an epoch was chosen on validation images, those of the epochs are on these.
            tested = run.result.get("test_per_class") or last[-1]
            accuracy.append([math.nan if percent is None else percent for percent in tested])
    if len(set(map(len, drawn))) > 1:
        return [], []  # the runs have different numbers of classes
    return means_by_class(drawn), means_by_class(accuracy)


def means_by_class(values: Sequence[Sequence[float]]) -> list[float]:
    return [statistics.fmean(of_class) for of_class in zip(*values, strict=True)]


def easiest_first(accuracy: Sequence[float]) -> list[int]:
    """Classes by falling accuracy; those without test images last."""
    return sorted(range(len(accuracy)), key=lambda number: (math.isnan(accuracy[number]), -accuracy[number]))


def drawn_and_accuracy(group: Group, members: Sequence[Member]) -> Figure:
    points = [
        Point(x=images, y=percent, series=arm.label, label=f"class {number}")
        for arm, drawn, accuracy in members
        for number, (images, percent) in enumerate(zip(drawn, accuracy, strict=True))
    ]
    title = f"{figure_name(group, 5, 'a')}, {group.title}"
    return Figure(
        scatter(points, "images drawn of the class, whole training", "class accuracy, top-1 %", title=title),
        f"{title}: each mark is a class.",
        slug(f"drawn {group.dataset} {group.pair}"),
    )


def sorted_accuracies(group: Group, members: Sequence[Member], leader: Member) -> Figure:
    order = easiest_first(leader[2])
    curves = [
        Line(arm.label, list(range(len(order))), [accuracy[number] for number in order]) for arm, _, accuracy in members
    ]
    title = f"{figure_name(group, 5, 'b')}, {group.title}"
    axis = f"class, from the easiest to the hardest for {leader[0].label}"
    return Figure(
        lines(curves, axis, "class accuracy, top-1 %", title=title),
        f"{title}: the accuracy of each class.",
        slug(f"classes {group.dataset} {group.pair}"),
    )


def counts_by_epoch(arm: Arm, order: Sequence[int]) -> list[list[float]]:
    """Images drawn, epoch by epoch, of each class in that order; the mean over an arm's runs."""
    counts = [
        [
            [record["drawn_per_class"][number] for number in order]
            for record in run.analysis
            if len(record.get("drawn_per_class") or ()) == len(order)
        ]
        for run in arm.runs
    ]
    return [
        [statistics.fmean(of_class) for of_class in zip(*epoch, strict=True)]
        for epoch in itertools.zip_longest(*counts)
        if all(epoch)
    ]


def selection_map(group: Group, arm: Arm, rows: Sequence[Sequence[float]], limits: tuple[float, float]) -> Figure:
    title = f"{figure_name(group, 6)}, {group.title}, {arm.label}"
    axis = "class, from the easiest to the hardest for it"
    return Figure(
        heatmap(rows, axis, "epoch", "images drawn", title=title, limits=limits),
        f"{title}: images drawn of each class in every epoch.",
        slug(f"map {arm.label} {group.dataset} {group.pair}"),
    )
