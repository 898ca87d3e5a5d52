"""Finished runs side by side, as text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from unix_exp.run.record import Result
from unix_exp.words import duration

TITLES = ("pair", "method", "seed", "teacher %", "student %", "best %", "compute vs KD %", "time")

CHOSEN = "The epoch was chosen on validation images; student % and best % are of its weights on the test images."


def table(folders: Iterable[Path]) -> str:
    results: list[Result] = [json.loads((folder / "result.json").read_text()) for folder in folders]
    note = "\n\n" + CHOSEN if any("val" in result for result in results) else ""
    return aligned([TITLES, *(row(result, results) for result in results)]) + note


def row(result: Result, results: Sequence[Result]) -> tuple[str, ...]:
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


def compute_share(result: Result, results: Sequence[Result]) -> float | None:
    """In % of conventional KD; for a run without a teacher, by the KD of the runs beside it that are as long."""
    own = result["cost"]["percent_of_kd"]
    if own is not None:
        return own
    for other in results:
        share = other["cost"]["percent_of_kd"]
        same = all(other[key] == result[key] for key in ("student", "dataset", "steps"))
        if same and share is not None:
            return share * total(result) / total(other)
    return None


def total(result: Result) -> float:
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
