"""Runs whose records pass their check and still cannot be shown: each is left out with a line, the rest is reported."""

from __future__ import annotations

from collections.abc import Callable

from unix_exp.report.runs import FEW, Run, Skipped
from unix_exp.words import first_line


def sound(runs: list[Run], show: Callable[[list[Run]], object]) -> tuple[list[Run], list[Skipped]]:
    """The runs that can be shown together, and those that cannot: records hold more than their check asks about."""
    kept: list[Run] = []
    broken = []
    for run in runs:
        try:
            show([run])
            if len(runs) <= FEW:
                show([*kept, run])
        except Exception as error:
            broken.append(Skipped(run.path, f"its records are damaged: {type(error).__name__}: {first_line(error)}"))
            continue
        kept.append(run)
    return kept, broken
