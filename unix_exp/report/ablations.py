"""Ablations: accuracy over one setting at a time, while all others stay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from unix_exp.plots.charts import Line, lines
from unix_exp.plots.svg import decades
from unix_exp.report.arms import Arm, Group
from unix_exp.report.blocks import Figure, slug
from unix_exp.report.learning import band_around
from unix_exp.report.naming import short


def over_settings(group: Group) -> list[Figure]:
    """Accuracy over each number that takes three values or more while all else stays: the ablations."""
    settings = [(arm, arm.determining) for arm in group.arms]
    names = sorted({name for _, own in settings for name, value in own.items() if is_number(value)})
    figures = []
    for name in names:
        curves = [curve for curve in arms_over(name, settings) if len(curve) >= 3]
        if curves:
            figures.append(over_setting(group, name, curves))
    return figures


def arms_over(name: str, settings: Sequence[tuple[Arm, dict[str, Any]]]) -> list[list[tuple[float, Arm]]]:
    """Curves of arms that differ in this number alone, in its order."""
    alike: dict[str, list[tuple[float, Arm]]] = {}
    for arm, own in settings:
        if is_number(own.get(name)):
            rest = json.dumps({key: value for key, value in own.items() if key != name}, sort_keys=True, default=str)
            alike.setdefault(rest, []).append((own[name], arm))
    return [sorted(curve, key=lambda one: one[0]) for curve in alike.values()]


def over_setting(group: Group, name: str, curves: Sequence[list[tuple[float, Arm]]]) -> Figure:
    values = [value for curve in curves for value, _ in curve]
    wide = decades(values)
    axis = f"{short(name)}, logarithmic" if wide else short(name)
    curves = sorted(curves, key=lambda curve: -max(arm.top1.mean for _, arm in curve))
    made = []
    for curve in curves:
        means, stds = [arm.top1.mean for _, arm in curve], [arm.top1.std for _, arm in curve]
        low, high = band_around(means, stds)
        xs = [value for value, _ in curve]
        made.append(Line(curve_label(curve, curves), xs, means, low, high, about=group.about(curve[0][1])))
    title = f"Accuracy over {short(name)}, {group.title}"
    return Figure(
        lines(
            made,
            axis,
            "test accuracy, top-1 %",
            title=title,
            styles={line.label: curve[0][1].look for line, curve in zip(made, curves, strict=True)},
            log_x=wide,
        ),
        f"{group.title}: accuracy over {name}, all else equal; the band is a standard deviation over seeds.",
        slug(f"over {name} {group.dataset} {group.pair}"),
    )


def curve_label(curve: Sequence[tuple[float, Arm]], others: Sequence[Sequence[tuple[float, Arm]]]) -> str:
    """The family, or where two curves have the same family, the label of the first arm."""
    family = curve[0][1].family
    if sum(other[0][1].family == family for other in others) == 1:
        return family
    return curve[0][1].label


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
