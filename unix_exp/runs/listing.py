"""Runs as a table that fits the terminal, or as JSON."""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from unix_exp.runs.entry import STATES, Entry
from unix_exp.runs.filters import values_of
from unix_exp.words import as_line, counted, duration

GAP = "  "
SHORTEST = 12  # characters that a column keeps where it is cut


class Column(NamedTuple):
    """One column; on a narrow terminal those of the highest `spare` are left out first."""

    title: str
    cell: Callable[[Entry], str]
    spare: int = 0  # 0: never left out
    right: bool = False
    cut: bool = False  # whether its texts may be cut
    optional: bool = False  # whether it is left out where it is empty


def table(runs: Sequence[Entry], width: int | None, settings: Sequence[str] = ()) -> list[str]:
    """Lines of at most `width` characters, or of any length; `settings` by dotted name have columns, too."""
    now = time.time()
    columns = [
        Column("run", lambda one: one.identity or one.name),
        Column("pair", lambda one: one.pair or "-", cut=True),
        Column("dataset", lambda one: one.dataset or "-", spare=8, cut=True),
        Column("method", lambda one: one.method or "-", cut=True),
        *(Column(key, partial(setting_of, key=key), cut=True) for key in settings),
        Column("seed", lambda one: "-" if one.seed is None else str(one.seed), spare=2, right=True),
        Column("state", lambda one: one.state),
        Column("epochs", lambda one: str(one.epochs), spare=5, right=True),
        Column("top-1 %", lambda one: decimals(one.top1, 2), right=True),
        Column("compute %", lambda one: decimals(one.percent, 1), spare=3, right=True),
        Column("time", lambda one: "-" if one.seconds is None else duration(one.seconds), spare=7, right=True),
        Column("age", lambda one: ago(now - one.ended), spare=6, right=True),
        Column("tags", lambda one: " ".join(one.tags), spare=4, cut=True, optional=True),
        Column("why", lambda one: one.why, spare=1, cut=True, optional=True),
    ]
    cells = [[one.title for one in columns], *([one.cell(run) for one in columns] for run in runs)]
    kept = [number for number, one in enumerate(columns) if not one.optional or any(row[number] for row in cells[1:])]
    widths = {number: max(len(row[number]) for row in cells) for number in kept}
    if width is not None:
        fit(widths, columns, width)
    return [
        GAP.join(placed(row[number], wide, columns[number].right) for number, wide in widths.items()).rstrip()
        for row in cells
    ]


def setting_of(one: Entry, key: str) -> str:
    return as_line(", ".join(map(str, values_of(one, key)))) or "-"


def fit(widths: dict[int, int], columns: Sequence[Column], width: int) -> None:
    """Leave out the columns that would not fit were all others cut, then cut from the widest, again and again."""
    cut = [number for number in widths if columns[number].cut]
    for number in sorted((one for one in widths if columns[one].spare), key=lambda one: -columns[one].spare):
        least = {one: min(wide, SHORTEST) if one in cut else wide for one, wide in widths.items()}
        if total(least) > width:
            del widths[number]
    cut = [number for number in cut if number in widths]
    while total(widths) > width and (widest := max(cut, key=lambda one: widths[one])) and widths[widest] > SHORTEST:
        widths[widest] -= 1


def total(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(GAP) * (len(widths) - 1)


def placed(cell: str, width: int, right: bool) -> str:
    if len(cell) > width:
        cell = cell[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return cell.rjust(width) if right else cell.ljust(width)


def decimals(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def ago(seconds: float) -> str:
    """In one unit, which is what a list of ages is read for."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length):,}{unit}"
    return f"{max(0, int(seconds))}s"


def terminal_width() -> int | None:
    """None where the output is no terminal: a file or a pipe takes lines of any length."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def counts(runs: Sequence[Entry]) -> str:
    """12 runs: 9 finished, 2 failed, 1 running"""
    found = Counter(one.state for one in runs)
    return f"{counted(len(runs), 'run')}: " + ", ".join(f"{found[state]} {state}" for state in STATES if found[state])


def as_values(one: Entry, settings: Sequence[str] = ()) -> dict[str, Any]:
    """What a program may want to know of a run."""
    return {
        "path": str(one.path), "name": one.path.name, "identity": one.identity or None, "state": one.state,
        "why": one.why or None, "pair": one.pair, "method": one.method, "dataset": one.dataset, "seed": one.seed,
        "epochs": one.epochs, "recipe_epochs": one.planned, "top1": one.top1, "percent_of_kd": one.percent,
        "gflops": one.gflops, "train_seconds": one.seconds, "last_written": iso(one.ended), "tags": one.tags,
        **{key: setting_of(one, key) for key in settings},
    }  # fmt: skip


def iso(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(moment))
