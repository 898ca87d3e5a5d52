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
from unix_exp.plots.markers import Style
from unix_exp.plots.svg import span
from unix_exp.report.arms import Arm, Group
from unix_exp.report.blocks import Figure, slug
from unix_exp.report.runs import Run
from unix_exp.report.selection import figure_name, of_each_family

MOST_CLASSES, CLASS_GROUPS = 20, 10  # that lines show one by one, and into how many groups more of them are put
EVEN = 0.03  # of the largest number of images drawn: smaller differences are of batches that were left out
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
    found = [(arm, counts_by_epoch(arm, easiest_first(accuracy))) for arm, _, accuracy in members]
    maps = [(arm, rows) for arm, rows in found if varies(rows)]
    alike = [arm.label for arm, rows in found if not varies(rows)]
    limits = span((value for _, rows in maps for row in rows for value in row), 0.0)  # one scale, to compare the maps
    return [*figures, *(selection_map(group, arm, rows, limits, alike) for arm, rows in maps)]


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
        Point(x=images, y=percent, series=arm.label, label=f"class {number}", about=group.about(arm))
        for arm, drawn, accuracy in members
        for number, (images, percent) in enumerate(zip(drawn, accuracy, strict=True))
    ]
    title = f"{figure_name(group, 5, 'a')}, {group.title}"
    return Figure(
        scatter(
            points,
            "images drawn of the class, whole training",
            "class accuracy, top-1 %",
            title=title,
            styles=styles_of(members),
        ),
        f"{title}: each mark is a class.",
        slug(f"drawn {group.dataset} {group.pair}"),
    )


def sorted_accuracies(group: Group, members: Sequence[Member], leader: Member) -> Figure:
    """The classes in one order for all methods; many of them by tens, say, because single ones are noise on noise."""
    order = easiest_first(leader[2])
    together = math.ceil(len(order) / CLASS_GROUPS) if len(order) > MOST_CLASSES else 1
    curves = [
        Line(arm.label, *by_groups([accuracy[number] for number in order], together), about=group.about(arm))
        for arm, _, accuracy in members
    ]
    title = f"{figure_name(group, 5, 'b')}, {group.title}"
    axis = f"class, from the easiest to the hardest for {leader[0].label}"
    groups = f"mean accuracies of groups of {together} classes" if together > 1 else "the accuracy of each class"
    return Figure(
        lines(curves, axis, "class accuracy, top-1 %", title=title, styles=styles_of(members)),
        f"{title}: {groups}, in the order of {leader[0].label}'s accuracies.",
        slug(f"classes {group.dataset} {group.pair}"),
    )


def by_groups(values: Sequence[float], together: int) -> tuple[list[float], list[float | None]]:
    """The middles and means of so many neighbours each; classes without test images count nowhere."""
    starts = range(0, len(values), together)
    parts = [values[start : start + together] for start in starts]
    known = [[value for value in part if not math.isnan(value)] for part in parts]
    middles = [start + (len(part) - 1) / 2 for start, part in zip(starts, parts, strict=True)]
    return middles, [statistics.fmean(part) if part else None for part in known]


def styles_of(members: Sequence[Member]) -> dict[str, Style]:
    return {arm.label: arm.look for arm, _, _ in members}


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


def varies(rows: Sequence[Sequence[float]]) -> bool:
    """Whether classes are drawn unlike each other: a map of one colour says no more than a sentence."""
    values = [value for row in rows for value in row]
    return bool(values) and max(values) - min(values) > EVEN * max(values)


def selection_map(
    group: Group, arm: Arm, rows: Sequence[Sequence[float]], limits: tuple[float, float], alike: Sequence[str]
) -> Figure:
    title = f"{figure_name(group, 6)}, {group.title}, {arm.label}"
    axis = "class, from the easiest to the hardest for it"
    return Figure(
        heatmap(rows, axis, "epoch", "images drawn", title=title, limits=limits),
        f"{title}: images drawn of each class in every epoch."
        + (f" Not drawn, as all classes are drawn alike: {', '.join(alike)}." if alike else ""),
        slug(f"map {arm.label} {group.dataset} {group.pair}"),
    )
