"""A heat map: a colour for every epoch and class."""

from __future__ import annotations

import math
from collections.abc import Sequence

from unix_exp.plots.axes import frame, nothing_yet
from unix_exp.plots.markup import Markup, join, tag
from unix_exp.plots.style import RAMP_LEVELS
from unix_exp.plots.svg import (
    LINE,
    SIZE,
    WIDTH,
    Box,
    Scale,
    Value,
    drawing,
    finite,
    inside,
    number,
    numbers,
    span,
    text_at,
    ticks,
    wrapped,
)

FINEST_ROW = 2.0  # units: finer rows are averaged, as they cannot be seen apart and make the file large


def heatmap(
    rows: Sequence[Sequence[Value]], x_title: str, y_title: str, scale_title: str, *, title: str,
    x_first: int = 0, y_first: int = 1, limits: tuple[float, float] | None = None,
) -> Markup:  # fmt: skip
    """A shade for every number, from dark to bright; the first row is the lowest."""
    columns = max(map(len, rows), default=0)
    low, high = limits or span((value for row in rows for value in row), 0.0)
    plot = frame((x_first - 0.5, x_first + max(columns, 1) - 0.5), (y_first - 0.5, y_first + max(len(rows), 1) - 0.5),
                 x_title, y_title, height=260.0, whole_x=True, whole_y=True, grid=False)  # fmt: skip
    merged = averaged(rows, columns, math.ceil(len(rows) * FINEST_ROW / 260.0))
    level = [[None if value is None else min(max(int((value - low) / (high - low) * RAMP_LEVELS), 0), RAMP_LEVELS - 1)
              for value in row] for row in merged]  # fmt: skip
    box = plot.box
    cells = tag(
        "svg", *(tag("path", class_=f"mark-cells h{shade}", d=path) for shade, path in upright_runs(level, columns)),
        x=box.left, y=box.top, width=box.right - box.left, height=box.bottom - box.top, class_="cells",
        viewBox=f"0 0 {max(columns, 1)} {max(len(merged), 1)}", preserveAspectRatio="none",
        shape_rendering="crispEdges",
    )  # fmt: skip
    bar, height = colour_bar(low, high, scale_title, box, plot.below)
    known = finite(value for row in rows for value in row)
    description = f"{scale_title} by {x_title} and {y_title}: {len(rows)} rows of {columns}"
    description += f", from {number(min(known))} to {number(max(known))}." if known else ", none known yet."
    return drawing([cells, plot.axes, bar, *nothing_yet(plot, known)], plot.below + height, title, description)


def averaged(rows: Sequence[Sequence[Value]], columns: int, group: int) -> list[list[Value]]:
    """Groups of rows as one row each, of the means of the values that are known."""
    found: list[list[Value]] = []
    for start in range(0, len(rows), max(group, 1)):
        together = rows[start : start + max(group, 1)]
        known = [finite(row[column] for row in together if column < len(row)) for column in range(columns)]
        found.append([sum(values) / len(values) if values else None for values in known])
    return found


def upright_runs(level: list[list[int | None]], columns: int) -> list[tuple[int, str]]:
    """For each shade the path of its cells, joined upwards, because one epoch resembles the next."""
    paths: dict[int, list[str]] = {}
    ends: dict[int, tuple[float, int]] = {}
    top = len(level)
    for column in range(columns):
        start = 0
        while start < top:
            shade = level[start][column]
            end = start
            while end < top and level[end][column] == shade:
                end += 1
            if shade is not None:
                x, y = column + 0.5, top - end  # the first row is the lowest
                old_x, old_y = ends.get(shade, (0, 0))
                paths.setdefault(shade, []).append(f"m{x - old_x:g} {y - old_y}v{end - start}")
                ends[shade] = (x, y + end - start)
            start = end
    return [(shade, "".join(paths[shade])) for shade in sorted(paths)]


def colour_bar(low: float, high: float, title: str, box: Box, top: float) -> tuple[Markup, float]:
    """The legend of the colours: the scale's title, the shades and their numbers."""
    heading = wrapped(title, WIDTH - box.left)
    bar = top + LINE * len(heading) + 2
    step = (box.right - box.left) / RAMP_LEVELS
    wide = round(step + 0.3, 2)  # a little wider, so that no seam shows between two of them
    shades = [
        tag("rect", class_=f"h{shade}", x=round(box.left + shade * step, 2), y=bar, width=wide, height=10)
        for shade in range(RAMP_LEVELS)
    ]
    scale = Scale(low, high, box.left, box.right)
    values = ticks(low, high, 5)
    labels = [
        text_at(inside(scale(value), label), bar + 14 + SIZE, label, "middle", "quiet bar-tick")
        for value, label in zip(values, numbers(values), strict=True)
    ]
    stubs = "".join(f"M{scale(value):.1f} {bar + 10:.1f}v4" for value in values)
    drawn = join([text_at(box.left, top + SIZE, heading, kind="title"), *shades,
                  tag("path", class_="frame", d=stubs), *labels])  # fmt: skip
    return drawn, bar + 14 + SIZE + 6 - top
