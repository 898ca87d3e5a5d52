"""Finished runs side by side."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from unix_exp.words import duration

TITLES = ("pair", "method", "seed", "teacher %", "student %", "best %", "compute vs KD %", "time")


def table(folders: Iterable[Path]) -> str:
    results = [json.loads((folder / "result.json").read_text()) for folder in folders]
    return aligned([TITLES, *(row(result, results) for result in results)])


def row(result: dict[str, Any], results: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    teacher, share = result["teacher"], compute_share(result, results)
    return (
        result["pair"],
        result["method"],
        str(result["seed"]),
        f"{teacher['top1']:.2f}" if teacher else "-",
        f"{result['last']['top1']:.2f}",
        f"{result['best']['top1']:.2f}",
        "-" if share is None else f"{share:.1f}",
        duration(result["time"]["train_seconds"]),
    )


def compute_share(result: dict[str, Any], results: Sequence[dict[str, Any]]) -> float | None:
    """Per cent of conventional KD; for a run without a teacher, of the KD that the runs beside it imply."""
    if result["cost"]["percent_of_kd"] is not None:
        return result["cost"]["percent_of_kd"]
    for other in results:
        alike = (other["student"], other["dataset"], other["steps"]) == (
            result["student"], result["dataset"], result["steps"],
        )  # fmt: skip
        if alike and other["cost"]["percent_of_kd"] is not None:
            return other["cost"]["percent_of_kd"] * total(result) / total(other)
    return None


def total(result: dict[str, Any]) -> float:
    return result["cost"]["gflops"]["total_gflops"]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Text to the left, figures to the right."""
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(cells, widths, strict=True)))
        for cells in rows
    )  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)
