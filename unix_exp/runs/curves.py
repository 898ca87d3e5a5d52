"""A run's epochs as text: a line of blocks, and some of its records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unix_exp.report.runs import lines_of
from unix_exp.run.shapes import finite
from unix_exp.runs.entry import Entry

BLOCKS = "▁▂▃▄▅▆▇█"
WIDEST = 60  # blocks
ROWS = 8


def epochs_of(run: Entry) -> list[dict[str, Any]]:
    """Every epoch once, as it was recorded last, without what is no number."""
    lines = {line["epoch"]: line for line in lines_of(run.path / "metrics.jsonl")}
    return [{key: value for key, value in lines[epoch].items() if finite(value)} for epoch in sorted(lines)]


def accuracy_of(line: dict[str, Any]) -> float | None:
    """On the validation images, where there are any: the others are then looked at once, at the end."""
    return line.get("val/top1", line.get("test/top1"))


def accuracies(epochs: Sequence[dict[str, Any]]) -> dict[int, float]:
    return {line["epoch"]: found for line in epochs if (found := accuracy_of(line)) is not None}


def images_of(epochs: Sequence[dict[str, Any]]) -> str:
    return "val" if any("val/top1" in line for line in epochs) else "test"


def blocks(values: Sequence[float]) -> str:
    """As high as they are between the lowest and the highest; of many, each block is the last of a stretch."""
    some = [values[(number + 1) * len(values) // WIDEST - 1] for number in range(WIDEST)]
    shown = list(values) if len(values) <= WIDEST else some
    low, high = min(shown), max(shown)
    span = high - low or 1.0
    return "".join(BLOCKS[min(len(BLOCKS) - 1, int((value - low) / span * len(BLOCKS)))] for value in shown)


def picked(epochs: Sequence[int], rows: int = ROWS) -> list[int]:
    """A few of these, evenly, with the first and the last."""
    if len(epochs) <= rows:
        return list(epochs)
    return [epochs[round(number * (len(epochs) - 1) / (rows - 1))] for number in range(rows)]
