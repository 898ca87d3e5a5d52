"""The accuracy of each class, and how many of its images were drawn."""

from __future__ import annotations

import math

from unix_exp.report.blocks import Block, Table, Text
from unix_exp.report.classes import by_class
from unix_exp.report.runs import Run

MOST_CLASSES = 200  # in the table: more are not read


def accuracies(run: Run) -> list[Block]:
    """Hardest first."""
    drawn, accuracy = by_class([run])
    if not accuracy:
        return [Text("Accuracy by class was not recorded.")]
    order = sorted(range(len(accuracy)), key=lambda number: (math.isnan(accuracy[number]), accuracy[number]))
    shown = order if len(order) <= MOST_CLASSES else order[: MOST_CLASSES // 2] + order[-MOST_CLASSES // 2 :]
    rows = [[f"class {number}", percent(accuracy[number]), f"{drawn[number]:,.0f}"] for number in shown]
    left = len(order) - len(shown)
    notes = [f"{left} classes between the hardest and the easiest are left out."] if left else []
    return [
        Table("Each class, the hardest first.", ["class", "top-1 %", "images drawn"], rows, "by-class", notes=notes)
    ]


def percent(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f}"
