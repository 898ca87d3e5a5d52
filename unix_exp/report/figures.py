"""Figures of the report: the paper's, and curves of any runs."""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from unix_exp import paper
from unix_exp.plots.charts import Front, Line, Point, Rule, heatmap, lines, scatter
from unix_exp.plots.svg import span
from unix_exp.report.arms import FAMILIES, Arm, Group, same_length, share_of_kd, short, what_matters
from unix_exp.report.blocks import Figure, slug
from unix_exp.report.origins import place_of
from unix_exp.report.published import comparable_with_paper
from unix_exp.report.runs import Run

Member: TypeAlias = "tuple[Arm, list[float], list[float]]"  # images drawn and accuracy, class by class

FIGURE_1 = FIGURE_4 = "resnet32x4_shufflev2"  # the paper does not name the pair of Figure 1
FIGURES_5_6 = "resnet32x4_resnet8x4"
MOST_CURVES = 8  # that a reader can tell apart
FRONT = "joins the arms that none beats with less"
ORDER = (*FAMILIES.values(), "from scratch")  # so that a method wears one colour in all scatters


def accuracy_against_cost(group: Group) -> list[Figure]:
    """Against compute, and against time where all arms ran on the same hardware with the same PyTorch."""
    places = {place_of(run.result)[::2] for arm in group.arms for run in arm.runs}
    timed = [accuracy_against_time(group, *places.pop())] if len(places) == 1 and len(group.arms) > 1 else []
    return [accuracy_against_compute(group), *timed]


def accuracy_against_compute(group: Group) -> Figure:
    """Figure 1: what each arm reached and what it took, with the front that none beats."""
    shares = same_length(group) and any(arm.percent is not None for arm in group.arms)
    points = [point(arm, (share_of_kd(arm, group) or 0.0) if shares else arm.gflops) for arm in group.arms]
    published = published_points(group) if shares else []
    title = f"Figure 1: {group.title}" if group.pair == FIGURE_1 else group.title
    return Figure(
        against("compute", group, points, "compute, % of conventional KD" if shares else "compute, GFLOPs", published),
        f"{title}: accuracy against compute, mean and standard deviation over seeds. The stepped line {FRONT} compute."
        + (" Diamonds are the paper's figures." if published else ""),
        slug(f"compute {group.dataset} {group.pair}"),
    )


def accuracy_against_time(group: Group, hardware: str, torch: str) -> Figure:
    longest = max(arm.seconds for arm in group.arms)
    unit, seconds = ("hours", 3600) if longest > 7200 else ("minutes", 60) if longest > 120 else ("seconds", 1)
    return Figure(
        against("time", group, [point(arm, arm.seconds / seconds) for arm in group.arms], f"training time, {unit}"),
        f"{group.title}: accuracy against the time that a training took on {hardware}, PyTorch {torch}, medians over "
        "seeds; evaluation and the teacher's own training apart, whatever else the machine did in it. The stepped line "
        f"{FRONT} time.",
        slug(f"time {group.dataset} {group.pair}"),
    )


def point(arm: Arm, x: float) -> Point:
    return Point(x=x, y=arm.top1.mean, series=arm.family, label=arm.label, error=arm.top1.std, named=True)


def against(cost: str, group: Group, points: Sequence[Point], axis: str, published: Sequence[Point] = ()) -> str:
    teachers = sorted(
        {run.result["teacher"]["top1"] for arm in group.arms for run in arm.runs if run.result["teacher"]}
    )
    near = max(point.y for point in points) + 5
    return scatter(
        [*points, *published],
        axis,
        "test accuracy, top-1 %",
        title=f"Accuracy against {cost}, {group.title}",
        fronts=[Front(f"best for its {cost}", points)],
        rules=[Rule(f"teacher {teacher:.2f}", y=teacher) for teacher in teachers if teacher <= near],
        order=ORDER,
    )


def published_points(group: Group) -> list[Point]:
    """The paper's figures for this pair and the objectives that were run here; one that several tables print once."""
    if not any(comparable_with_paper(run) for arm in group.arms for run in arm.runs):
        return []
    criteria = paper.published()["criteria"]
    objectives = [arm.settings["criterion"] for arm in group.arms]
    found = {}
    for table in paper.tables().values():
        if group.pair not in table["pairs"] or table["dataset"] != group.dataset:
            continue
        column = table["pairs"].index(group.pair)
        for row in table["rows"]:
            if "compute" in row and criteria[row.get("criterion", "kd")] in objectives:
                place = (row["compute"][column], row["accuracy"][column])
                found[place] = Point(*place, series=family_of(row), label=f"paper, {row['name']}", published=True)
    return list(found.values())


def family_of(row: dict[str, Any]) -> str:
    extra = {"kd_at": "+AT", "kd_sp": "+SP", "kd_ce": "+label", "kd_ce_imagenet": "+label"}
    return FAMILIES[row["sampler"]] + extra.get(row.get("criterion", "kd"), "")


def over_settings(group: Group) -> list[Figure]:
    """Accuracy over each number that takes three values or more while all else stays: the ablations."""
    settings = [(arm, what_matters(arm.runs[0])) for arm in group.arms]
    names = sorted({name for _, told in settings for name, value in told.items() if is_number(value)})
    figures = []
    for name in names:
        curves = [curve for curve in arms_over(name, settings) if len(curve) >= 3]
        if curves:
            figures.append(over_setting(group, name, curves))
    return figures


def arms_over(name: str, settings: Sequence[tuple[Arm, dict[str, Any]]]) -> list[list[tuple[float, Arm]]]:
    """Arms that differ in one number alone, in its order; what follows it, as b and k follow the batch, may differ."""
    alike: dict[str, list[tuple[float, Arm]]] = {}
    for arm, told in settings:
        if is_number(told.get(name)):
            rest = json.dumps({key: value for key, value in told.items() if key != name}, sort_keys=True, default=str)
            alike.setdefault(rest, []).append((told[name], arm))
    return [sorted(found, key=lambda one: one[0]) for found in alike.values()]


def over_setting(group: Group, name: str, curves: Sequence[list[tuple[float, Arm]]]) -> Figure:
    values = [value for curve in curves for value, _ in curve]
    wide = min(values) > 0 and max(values) / min(values) > 50
    axis = f"{short(name)}, logarithm to base 10" if wide else short(name)
    made = []
    for curve in curves:
        means, stds = [arm.top1.mean for _, arm in curve], [arm.top1.std for _, arm in curve]
        made.append(
            Line(
                curve_label(curve, curves),
                [math.log10(value) if wide else value for value, _ in curve],
                means,
                low=[None if std is None else mean - std for mean, std in zip(means, stds, strict=True)],
                high=[None if std is None else mean + std for mean, std in zip(means, stds, strict=True)],
            )
        )
    title = f"Accuracy over {short(name)}, {group.title}"
    words = f"{group.title}: accuracy over {name}, all else equal; the band is a standard deviation over seeds."
    return Figure(
        lines(made, axis, "test accuracy, top-1 %", title=title),
        words,
        slug(f"over {name} {group.dataset} {group.pair}"),
    )


def curve_label(curve: Sequence[tuple[float, Arm]], others: Sequence[Sequence[tuple[float, Arm]]]) -> str:
    """The family, or where two curves are of one, what stays the same along this one."""
    family = curve[0][1].family
    if sum(other[0][1].family == family for other in others) == 1:
        return family
    return curve[0][1].label


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


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
    like = "Figure" if group.pair == FIGURE_4 else "As Figure"
    figures = []
    for metric, y_title, name in (
        ("teacher_distance", "distance to the class centre, teacher's embedding", f"{like} 4a"),
        ("teacher_entropy", "teacher's entropy, nats", f"{like} 4b"),
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
                    f"{name}, {group.title}: images kept and left out, as they were before mixing; of one batch in a "
                    "hundred.",
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
    members = [member for member in members if len(member[2]) == len(members[0][2])]
    leader = next((member for member in members if member[0].family == "Random"), members[0])
    figures = [drawn_and_accuracy(group, members), sorted_accuracies(group, members, leader)]
    maps = [(arm, counts_by_epoch(arm, easiest_first(accuracy))) for arm, _, accuracy in members]
    values = [value for _, rows in maps for row in rows for value in row]
    limits = span(values, 0.0)  # one scale, so that the maps compare
    return [*figures, *(selection_map(group, arm, rows, limits) for arm, rows in maps)]


def by_class(runs: Sequence[Run]) -> tuple[list[float], list[float]]:
    """Images drawn in the whole run and last accuracy, class by class, means over runs; empty where not recorded."""
    drawn, accuracy = [], []
    for run in runs:
        counts = [record["drawn_per_class"] for record in run.analysis if record.get("drawn_per_class")]
        last = [record["accuracy_per_class"] for record in run.analysis if record.get("accuracy_per_class")]
        if counts and last:
            drawn.append([sum(of_class) for of_class in zip(*counts, strict=True)])
            accuracy.append([math.nan if percent is None else percent for percent in last[-1]])
    if len(set(map(len, drawn))) > 1:
        return [], []  # of other numbers of classes
    means = [[statistics.fmean(one) for one in zip(*found, strict=True)] for found in (drawn, accuracy)]
    return means[0], means[1]


def easiest_first(accuracy: Sequence[float]) -> list[int]:
    """Classes by falling accuracy; those without test images last."""
    return sorted(range(len(accuracy)), key=lambda place: (math.isnan(accuracy[place]), -accuracy[place]))


def like_figure(group: Group, number: str) -> str:
    return f"Figure {number}" if group.pair == FIGURES_5_6 else f"As Figure {number}"


def drawn_and_accuracy(group: Group, members: Sequence[Member]) -> Figure:
    points = [
        Point(x=images, y=percent, series=arm.label, label=f"class {place}")
        for arm, drawn, accuracy in members
        for place, (images, percent) in enumerate(zip(drawn, accuracy, strict=True))
    ]
    title = f"{like_figure(group, '5a')}, {group.title}"
    return Figure(
        scatter(points, "images drawn of the class, whole training", "class accuracy, top-1 %", title=title),
        f"{title}: each mark is a class.",
        slug(f"drawn {group.dataset} {group.pair}"),
    )


def sorted_accuracies(group: Group, members: Sequence[Member], leader: Member) -> Figure:
    order = easiest_first(leader[2])
    curves = [
        Line(arm.label, list(range(len(order))), [accuracy[place] for place in order]) for arm, _, accuracy in members
    ]
    title = f"{like_figure(group, '5b')}, {group.title}"
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


def selection_map(group: Group, arm: Arm, rows: Sequence[Sequence[float]], limits: tuple[float, float]) -> Figure:
    title = f"{like_figure(group, '6')}, {group.title}, {arm.label}"
    axis = "class, from the easiest to the hardest for it"
    return Figure(
        heatmap(rows, axis, "epoch", "images drawn", title=title, limits=limits),
        f"{title}: images drawn of each class in every epoch.",
        slug(f"map {arm.label} {group.dataset} {group.pair}"),
    )
