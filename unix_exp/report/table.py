"""Finished runs as text for a terminal: a row for each, or one for all seeds of a method where there are several."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from unix_exp.report import swept
from unix_exp.run.record import Result
from unix_exp.words import duration

TITLES = ("pair", "method", "seed", "teacher %", "student %", "best %", "compute vs KD %", "time")
OVER_SEEDS = ("pair", "method", "seeds", "teacher %", "student %", "best %", "compute vs KD %", "time of one")
TEXTS = 2  # columns at the left

CHOSEN = "The epoch was chosen on validation images; student % and best % are of its weights on the test images."
SPREAD = "student % and best %: mean +- standard deviation over seeds."


def table(folders: Iterable[Path], words: Sequence[str] = ()) -> str:
    """`words` are those of each run's job; what differs in them and is in no other column has a column of its own."""
    results: list[Result] = [json.loads((folder / "result.json").read_text()) for folder in folders]
    chosen = [CHOSEN] if any("val" in result for result in results) else []
    names, values = swept.columns([(result["pair"], result["method"]) for result in results], words)
    arms: dict[tuple[str, ...], list[Result]] = {}
    for result, own in zip(results, values, strict=True):
        arms.setdefault((result["pair"], result["method"], *own), []).append(result)
    if any(len({result["seed"] for result in same}) > 1 for same in arms.values()):
        rows = [with_swept(over_seeds(same, results), key[2:]) for key, same in arms.items()]
        return "\n\n".join([aligned([with_swept(OVER_SEEDS, names), *rows], TEXTS), SPREAD, *chosen])
    rows = [with_swept(row(result, results), own) for result, own in zip(results, values, strict=True)]
    return "\n\n".join([aligned([with_swept(TITLES, names), *rows], TEXTS), *chosen])


def with_swept(cells: Sequence[str], values: Sequence[str]) -> tuple[str, ...]:
    return (*cells[:TEXTS], *values, *cells[TEXTS:])


def row(result: Result, results: Sequence[Result]) -> tuple[str, ...]:
    teacher = result["teacher"]
    return (
        result["pair"],
        result["method"],
        str(result["seed"]),
        f"{teacher['top1']:.2f}" if teacher else "-",
        f"{result['last']['top1']:.2f}",
        f"{result['best']['top1']:.2f}",
        share_of(compute_share(result, results)),
        duration(result["time"]["train_seconds"]),
    )


def over_seeds(same: Sequence[Result], results: Sequence[Result]) -> tuple[str, ...]:
    """Runs that differ in the seed alone."""
    first = same[0]
    teachers = [teacher["top1"] for result in same if (teacher := result["teacher"])]
    return (
        first["pair"],
        first["method"],
        str(len(same)),
        f"{statistics.fmean(teachers):.2f}" if teachers else "-",
        spread([result["last"]["top1"] for result in same]),
        spread([result["best"]["top1"] for result in same]),
        share_of(compute_share(first, results)),
        duration(statistics.fmean(result["time"]["train_seconds"] for result in same)),
    )


def spread(values: Sequence[float]) -> str:
    """A single run has none, and its figure stands below those that have one."""
    deviation = f"+- {statistics.stdev(values):5.2f}" if len(values) > 1 else " " * len("+- 00.00")
    return f"{statistics.fmean(values):.2f} {deviation}"


def share_of(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:.1f}"


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


def aligned(rows: Sequence[Sequence[str]], texts: int = 2) -> str:
    """Text to the left, figures to the right."""
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) if column < texts else cell.rjust(width)
                  for column, (cell, width) in enumerate(zip(cells, widths, strict=True)))
        for cells in rows
    )  # fmt: skip
    return "\n".join(line.rstrip() for line in lines)
