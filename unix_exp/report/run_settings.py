"""All settings of one run, and in which of them it differs from the other runs of its pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from unix_exp import config
from unix_exp.report.blocks import Cell, Heading, Row, Table
from unix_exp.report.runs import Run

MOST_VALUES = 5  # of other runs that are named
ABSENT = "not set"
OWN = ("seed",)  # differs by itself


def varied(all_settings: Sequence[Mapping[str, str]]) -> dict[str, list[str]]:
    """The settings in which these differ, each with its values, the most frequent ones first."""
    counted: dict[str, Counter[str]] = {}
    for settings in all_settings:
        for key, value in settings.items():
            counted.setdefault(key, Counter())[value] += 1
    found = {}
    for key, values in counted.items():
        if missing := len(all_settings) - values.total():
            values[ABSENT] += missing
        if len(values) > 1 and key not in OWN:
            found[key] = sorted(values, key=lambda value: (-values[value], value))
    return found


def settings_of(run: Run) -> dict[str, str]:
    return {key: config.typed(value) for key, value in config.flat(run.settings).items()}


def table(own: Mapping[str, str], varied: Mapping[str, Sequence[str]]) -> Table:
    differing = sorted(varied)
    rows: list[Row] = []
    if differing:
        rows.append(Heading("Different among the runs of its pair"))
        rows += [[key, Cell(own.get(key, ABSENT), strong=True), others(own.get(key, ABSENT), varied[key])]
                 for key in differing]  # fmt: skip
        rows.append(Heading("Alike in all of them"))
    rows += [[key, own[key], ""] for key in sorted(own) if key not in varied]
    return Table(f"All {len(own)} settings.", ["setting", "value", "other runs of its pair"], rows, "settings", texts=3)


def others(own: str, values: Sequence[str]) -> str:
    rest = [value for value in values if value != own]
    more = f" and {len(rest) - MOST_VALUES} more" if len(rest) > MOST_VALUES else ""
    return ", ".join(rest[:MOST_VALUES]) + more
