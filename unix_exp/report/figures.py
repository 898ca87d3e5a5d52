"""Figures of the report: the paper's, and curves of any runs."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from unix_exp import paper
from unix_exp.report.arms import FAMILIES, Arm, Group, percent_of_kd, same_length, what_matters
from unix_exp.report.blocks import Figure, slug
from unix_exp.report.charts import Front, Line, Point, Rule, heatmap, lines, scatter
from unix_exp.report.runs import Run

MOST_CURVES = 8  # that a reader can tell apart
ORDER = (*FAMILIES.values(), "from scratch")  # so that a method wears one colour in all scatters


def accuracy_against_compute(group: Group) -> Figure:
    """Figure 1: what each arm reached and what it took, with the front that none beats."""
    shares = same_length(group) and any(arm.percent is not None for arm in group.arms)
    points = [
        Point(
            x=(percent_of_kd(arm, group) or 0.0) if shares else arm.gflops,
            y=arm.top1.mean,
            series=arm.family,
            label=arm.label,
            error=arm.top1.std,
            named=len(group.arms) <= 6,
        )
        for arm in group.arms
    ]
    front = Front("best for its compute", points)
    published = published_points(group) if shares else []
    teachers = {arm.runs[0].result["teacher"]["top1"] for arm in group.arms if arm.runs[0].result["teacher"]}
    near = max(point.y for point in points) + 5
    return Figure(
        scatter(
            [*points, *published],
            "compute, % of conventional KD" if shares else "compute, GFLOPs",
            "test accuracy, top-1 %",
            title=f"Accuracy against compute, {group.title}",
            fronts=[front],
            rules=[Rule("teacher", y=teacher) for teacher in sorted(teachers) if teacher <= near][:1],
            order=ORDER,
        ),
        f"{group.title}: accuracy against compute, mean and standard deviation over seeds. {front_words(published)}",
        slug(f"compute {group.dataset} {group.pair}"),
    )


def front_words(published: Sequence[Point]) -> str:
    stepped = "The stepped line joins the arms that none beats with less compute."
    return f"{stepped} Diamonds are the paper's figures." if published else stepped


def published_points(group: Group) -> list[Point]:
    """The paper's figures for this pair and what was run here; a row that several tables print stands once."""
    families = {arm.family for arm in group.arms}
    found = {}
    for table in paper.tables().values():
        if group.pair not in table["pairs"] or table["dataset"] != group.dataset:
            continue
        column = table["pairs"].index(group.pair)
        for row in table["rows"]:
            if "compute" in row and family_of(row) in families:
                place = (row["compute"][column], row["accuracy"][column])
                found[place] = Point(*place, series=family_of(row), label=f"paper, {row['name']}", published=True)
    return list(found.values())


def family_of(row: dict[str, Any]) -> str:
    extra = {"kd_at": "+AT", "kd_sp": "+SP", "kd_ce": "+label", "kd_ce_imagenet": "+label"}
    return FAMILIES[row["sampler"]] + extra.get(row.get("criterion", "kd"), "")


def over_setting(group: Group) -> Iterator[Figure]:
    """Where arms of one method differ in one number: accuracy over that number."""
    by_method: dict[str, list[Arm]] = {}
    for arm in group.arms:
        by_method.setdefault(arm.runs[0].result["method"], []).append(arm)
    for method, members in by_method.items():
        varied = varied_numbers(members)
        if len(varied) != 1 or len(members) < 3:
            continue
        ((name, values),) = varied.items()
        spread = min(values) > 0 and max(values) / min(values) > 50
        places = [math.log10(value) if spread else value for value in values]
        ranked = sorted(zip(places, members, strict=True), key=lambda one: one[0])
        means = [arm.top1.mean for _, arm in ranked]
        stds = [arm.top1.std for _, arm in ranked]
        yield Figure(
            lines(
                [
                    Line(
                        method,
                        [place for place, _ in ranked],
                        means,
                        low=[None if std is None else mean - std for mean, std in zip(means, stds, strict=True)],
                        high=[None if std is None else mean + std for mean, std in zip(means, stds, strict=True)],
                    )
                ],
                f"log10 of {name}" if spread else name,
                "test accuracy, top-1 %",
                title=f"{method}: accuracy over {name}, {group.title}",
            ),
            f"{group.title}: {method} over {name}; the band is a standard deviation over seeds.",
            slug(f"over {name} {method} {group.dataset} {group.pair}"),
        )


def varied_numbers(members: Sequence[Arm]) -> dict[str, list[float]]:
    """What the arms differ in, where all of it is numbers."""
    settings = [what_matters(arm.runs[0]) for arm in members]
    varied: dict[str, list[Any]] = {key: [one.get(key) for one in settings] for key in settings[0]}
    varied = {key: values for key, values in varied.items() if len(set(map(str, values))) > 1}
    numbers = all(isinstance(value, (int, float)) for values in varied.values() for value in values)
    return varied if numbers else {}


def learning_curves(group: Group) -> list[Figure]:
    """Test accuracy over epochs, and over what was spent until then."""
    members = evenly(group.arms, MOST_CURVES)
    left_out = len(group.arms) - len(members)
    more = f" {left_out} arms are left out, evenly, so that the others can be told apart." if left_out else ""
    figures = []
    for x, x_title, name in (
        ("epoch", "epoch", "epochs"), ("cost/total_gflops", "compute spent, GFLOPs", "GFLOPs"),
    ):  # fmt: skip
        curves = [line for arm in members if (line := curve(arm.label, arm.runs, x, recorded("test/top1")))]
        if any(len(line.xs) > 1 for line in curves):
            figures.append(
                Figure(
                    lines(curves, x_title, "test accuracy, top-1 %", title=f"Learning over {name}, {group.title}"),
                    f"{group.title}: learning over {name}; the band is a standard deviation over seeds.{more}",
                    slug(f"learning {name} {group.dataset} {group.pair}"),
                )
            )
    return figures


def recorded(key: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda record: record.get(key)


def curve(
    label: str, runs: Sequence[Run], x: str, value: Callable[[dict[str, Any]], float | None], **style: Any
) -> Line | None:
    """The mean of some runs' records, epoch by epoch."""
    by_epoch: dict[int, list[tuple[float, float]]] = {}
    for run in runs:
        for record in run.epochs:
            y = value(record)
            if isinstance(y, (int, float)) and isinstance(record.get(x), (int, float)):
                by_epoch.setdefault(record["epoch"], []).append((record[x], y))
    if not by_epoch:
        return None
    ranked = [by_epoch[epoch] for epoch in sorted(by_epoch)]
    means = [statistics.fmean(y for _, y in found) for found in ranked]
    stds = [statistics.stdev(y for _, y in found) if len(found) > 1 else None for found in ranked]
    return Line(
        label,
        [statistics.fmean(place for place, _ in found) for found in ranked],
        means,
        low=[None if std is None else mean - std for mean, std in zip(means, stds, strict=True)],
        high=[None if std is None else mean + std for mean, std in zip(means, stds, strict=True)],
        **style,
    )


def evenly(things: Sequence[Any], most: int) -> list[Any]:
    if len(things) <= most:
        return list(things)
    return [things[round(place * (len(things) - 1) / (most - 1))] for place in range(most)]


def of_each_family(arms: Sequence[Arm]) -> list[Arm]:
    """What the paper's figures compare, and a few more: of each method the arm that differs least from the paper's."""
    unsaid, found = paper.published()["unsaid"], dict[str, Arm]()
    for arm in sorted(arms, key=lambda arm: (len(differing(arm, unsaid)), arm.label)):
        found.setdefault(arm.family, arm)
    order = ("Random", "Uncertainty", "UNIX")
    ranked = sorted(found.values(), key=lambda arm: (arm.family not in order, arm.family == "KD"))
    return sorted(ranked[: MOST_CURVES // 2], key=lambda arm: list(found).index(arm.family))


def differing(arm: Arm, unsaid: dict[str, Any]) -> list[str]:
    """Settings of an arm's sampler that are not the paper's usual ones; b is a share of the batch there."""
    usual, sampler = unsaid.get(arm.settings["sampler"]["name"], {}), arm.settings["sampler"]
    return [key for key, value in usual.items() if key != "b" and sampler.get(key) != value]


def selection_curves(group: Group) -> list[Figure]:
    """Figure 4: which images are kept, by distance to the centre of their class and by the teacher's entropy."""
    figures = []
    for metric, y_title, name in (
        ("teacher_distance", "distance to the class centre, teacher's embedding", "Figure 4a"),
        ("teacher_entropy", "teacher's entropy, nats", "Figure 4b"),
        ("student_entropy", "student's entropy, nats", "The student's own uncertainty"),
    ):
        curves = []
        for arm in of_each_family(group.arms):
            for part, words, dashed in (("kept", "kept", False), ("left_out", "left out", True)):
                key = f"analysis/{metric}_{part}"
                line = curve(
                    f"{arm.label}, {words}", arm.runs, "epoch", recorded(key),
                    dashed=dashed, like=arm.label,
                )  # fmt: skip
                if line is not None:
                    curves.append(line)
        if curves:
            figures.append(
                Figure(
                    lines(curves, "epoch", y_title, title=f"{name}, {group.title}"),
                    f"{name}, {group.title}: images that are kept and images that are left out, as they were before "
                    "mixing.",
                    slug(f"kept {metric} {group.dataset} {group.pair}"),
                )
            )
    return figures


def class_figures(group: Group) -> list[Figure]:
    """Figures 5 and 6: images drawn of each class, and what that does for the class."""
    members = [
        (arm, drawn, accuracy)
        for arm in of_each_family(group.arms)
        for drawn, accuracy in [by_class(arm.runs)]
        if accuracy
    ]
    if not members:
        return []
    figures = [drawn_and_accuracy(group, members)]
    random = next((accuracy for arm, _, accuracy in members if arm.family == "Random"), members[0][2])
    order = easiest_first(random)
    figures.append(sorted_accuracies(group, members, order))
    maps = [(arm, counts_by_epoch(arm, easiest_first(accuracy))) for arm, _, accuracy in members]
    values = [value for _, rows in maps for row in rows for value in row]
    limits = (min(values), max(values)) if values else None  # one scale, so that the maps compare
    return [*figures, *(selection_map(group, arm, rows, limits) for arm, rows in maps)]


def by_class(runs: Sequence[Run]) -> tuple[list[float], list[float]]:
    """Images drawn in the whole run and last accuracy, class by class, means over runs; empty where not recorded."""
    drawn, accuracy = [], []
    for run in runs:
        counts = [record["drawn_per_class"] for record in run.analysis if record.get("drawn_per_class")]
        last = [record["accuracy_per_class"] for record in run.analysis if record.get("accuracy_per_class")]
        if counts and last:
            drawn.append([sum(of_class) for of_class in zip(*counts, strict=False)])
            accuracy.append([math.nan if percent is None else percent for percent in last[-1]])
    means = [[statistics.fmean(one) for one in zip(*found, strict=False)] for found in (drawn, accuracy)]
    return means[0], means[1]


def easiest_first(accuracy: Sequence[float]) -> list[int]:
    """Classes by falling accuracy; those without test images last."""
    return sorted(range(len(accuracy)), key=lambda place: (math.isnan(accuracy[place]), -accuracy[place]))


def drawn_and_accuracy(group: Group, members: Sequence[tuple[Arm, list[float], list[float]]]) -> Figure:
    points = [
        Point(x=images, y=percent, series=arm.label, label=f"class {place}")
        for arm, drawn, accuracy in members
        for place, (images, percent) in enumerate(zip(drawn, accuracy, strict=False))
    ]
    return Figure(
        scatter(
            points, "images drawn of the class, whole training", "class accuracy, top-1 %",
            title=f"Figure 5a, {group.title}",
        ),
        f"Figure 5a, {group.title}: each mark is a class.",
        slug(f"drawn {group.dataset} {group.pair}"),
    )  # fmt: skip


def sorted_accuracies(
    group: Group, members: Sequence[tuple[Arm, list[float], list[float]]], order: Sequence[int]
) -> Figure:
    curves = [
        Line(arm.label, list(range(len(order))), [accuracy[place] for place in order]) for arm, _, accuracy in members
    ]
    return Figure(
        lines(
            curves, "class, from the easiest to the hardest for Random", "class accuracy, top-1 %",
            title=f"Figure 5b, {group.title}",
        ),
        f"Figure 5b, {group.title}: the classes in the order of Random's accuracy, or of the first arm's without one.",
        slug(f"classes {group.dataset} {group.pair}"),
    )  # fmt: skip


def counts_by_epoch(arm: Arm, order: Sequence[int]) -> list[list[float]]:
    """Images drawn, epoch by epoch, of each class in that order; the mean over an arm's runs."""
    counts = [
        [
            [record["drawn_per_class"][place] for place in order]
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


def selection_map(
    group: Group, arm: Arm, rows: Sequence[Sequence[float]], limits: tuple[float, float] | None
) -> Figure:
    return Figure(
        heatmap(
            rows, "class, from the easiest to the hardest", "epoch", "images drawn",
            title=f"Figure 6, {arm.label}, {group.title}", limits=limits,
        ),
        f"Figure 6, {group.title}, {arm.label}: images drawn of each class in every epoch.",
        slug(f"map {arm.label} {group.dataset} {group.pair}"),
    )  # fmt: skip
