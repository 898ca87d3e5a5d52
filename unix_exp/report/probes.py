"""What probes found of finished runs: a table a probe, and the curves and points that it returned."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unix_exp.plots.charts import Line, Point, lines, scatter
from unix_exp.report.arms import Group, groups
from unix_exp.report.blocks import (
    MISSING,
    Block,
    Cell,
    Figure,
    Heading,
    Notice,
    Row,
    Section,
    Table,
    Text,
    slug,
)
from unix_exp.report.methods import first_figures
from unix_exp.report.runs import Run
from unix_exp.run.foreign import json_of
from unix_exp.run.shapes import finite


@dataclass(frozen=True)
class Probed:
    """What one probe found of one run."""

    group: Group
    label: str
    run: Run
    values: Mapping[str, Any]
    about: str  # the probe's own description; empty in older files
    settings: Mapping[str, Any]


def sections(runs: Sequence[Run]) -> list[Section]:
    found: dict[str, list[Probed]] = {}
    damaged = []
    probed = any(os.path.isdir(run.path / "probes") for run in runs)
    for group in groups(runs) if probed else ():
        for arm in group.arms:
            for run in arm.runs:
                for path in sorted((run.path / "probes").glob("*.json")):
                    try:
                        kept = json_of(path)
                        values, settings = dict(kept["found"]), dict(kept.get("settings", {}))
                    except (OSError, ValueError, KeyError, TypeError, AttributeError):
                        damaged.append(str(path))
                        continue
                    label = f"{arm.label}, seed {run.result['seed']}"
                    found.setdefault(path.stem, []).append(
                        Probed(group, label, run, values, str(kept.get("about", "")), settings)
                    )
    blocks: list[Block] = [Notice("Probes that cannot be read", damaged)] if damaged else []
    figures = []
    for name, members in found.items():
        if (table := table_of(name, members)) is not None:
            blocks.append(table)
        figures += [
            figure
            for one in members
            for key, value in one.values.items()
            if isinstance(value, Mapping) and (figure := drawn(name, key, value, one)) is not None
        ]
    blocks += first_figures(figures)
    return [Section("Probes", "probes", blocks)] if blocks else []


def table_of(name: str, members: Sequence[Probed]) -> Table | None:
    """The numbers and words that a probe found of each run."""
    columns = list(dict.fromkeys(key for one in members for key, value in one.values.items() if plain(value)))
    if not columns:
        return None
    rows: list[Row] = []
    for group in dict.fromkeys(one.group.title for one in members):
        rows.append(Heading(group))
        rows += [
            [one.label, *(shown(one.values.get(column)) for column in columns)]
            for one in members
            if one.group.title == group
        ]
    return Table(f"{name}.", ["run", *columns], rows, slug(f"probe {name}"), notes=notes_of(members))


def notes_of(members: Sequence[Probed]) -> list[str]:
    """What the probe measures and how it was set, for each run where they were set differently."""
    described = [part for one in members for part in Text(one.about).paragraphs]
    said = {f"{one.label} of {one.group.title}": in_words(one.settings) for one in members}
    if len(set(said.values())) == 1:
        said = {"Settings": next(iter(said.values()))}
    return list(dict.fromkeys([*described, *(f"{whose}: {words}." for whose, words in said.items() if words)]))


def in_words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items() if value is not None)


def plain(value: Any) -> bool:
    return isinstance(value, (int, float, str))


def shown(value: Any) -> str | Cell:
    if not plain(value):
        return MISSING
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def drawn(name: str, key: str, value: Mapping[str, Any], of: Probed) -> Figure | None:
    """A picture as unix_exp.probes.pictures makes it; None where it is none."""
    title = f"{name}, {key}: {of.label}, {of.group.title}"
    try:
        axes = str(value["x_title"]), str(value["y_title"])
        series = {str(one): pairs(xs, ys) for one, (xs, ys) in value["series"].items()}
        as_points = value["draw"] == "points"
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if as_points:
        points = [Point(x, y, one) for one, known in series.items() for x, y in known]
        chart = scatter(points, *axes, title=title)
    else:
        curves = [Line(one, [x for x, _ in known], [y for _, y in known]) for one, known in series.items()]
        chart = lines(curves, *axes, title=title)
    return Figure(chart, f"{title}.", slug(f"probe {name} {key} {of.run.result['identity']}"))


def pairs(xs: Sequence[Any], ys: Sequence[Any]) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True) if finite(x) and finite(y)]
