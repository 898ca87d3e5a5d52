"""Bars below each other, each with its quartiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from unix_exp.plots.axes import x_axis
from unix_exp.plots.markers import PLAIN
from unix_exp.plots.markup import Markup, tag
from unix_exp.plots.svg import LINE, SIZE, WIDTH, Scale, drawing, inside, number, text_at, wrapped

INDENT, ROW = 8.0, 14.0  # units: left of the plot, and of a bar below its name


class Range(NamedTuple):
    """One row: a value of zero or more, and the quartiles around it."""

    label: str
    value: float
    low: float
    high: float


def ranges(rows: Sequence[Range], x_title: str, *, title: str) -> Markup:
    """A bar from zero to each value, its name above it and its quartiles across its end."""
    x = Scale(0.0, max((row.high for row in rows), default=0.0) * 1.04 or 1.0, INDENT, WIDTH - 12)
    heading = wrapped(title, WIDTH - 2 * INDENT)
    first = top = len(heading) * LINE + 6
    bars = [text_at(x.start, SIZE, heading, kind="title")]
    for row in rows:
        name = wrapped(f"{row.label}, {number(row.value)}", WIDTH - 2 * INDENT)
        middle = top + len(name) * LINE + 4 + ROW / 2
        bars.append(bar(row, x, middle, text_at(x.start, top + SIZE, name)))
        top = middle + ROW
    values, labels, middles = x_axis(x, whole=False)
    grid = "".join(f"M{x(value):.1f} {first:.1f}V{top:.1f}" for value in values)
    stubs = "".join(f"M{x(value):.1f} {top:.1f}v4" for value in values)
    axis = [
        tag("path", class_="frame", d=f"M{x.start:.1f} {first:.1f}V{top:.1f}H{x.end:.1f}{stubs}"),
        *(text_at(middle, top + 5 + SIZE, label, "middle", "quiet x-tick")
          for middle, label in zip(middles, labels, strict=True)),
        text_at(inside((x.start + x.end) / 2, x_title), top + 9 + SIZE + LINE, x_title, "middle", "title"),
    ]  # fmt: skip
    shown = ", ".join(f"{row.label} {number(row.value)}" for row in rows)
    return drawing([tag("path", class_="grid", d=grid), *bars, *axis], top + 14 + SIZE + LINE, title,
                   f"{x_title}: {shown or 'nothing yet'}.")  # fmt: skip


def bar(row: Range, x: Scale, middle: float, name: Markup) -> Markup:
    low, high = x(row.low), x(row.high)
    filled = f"M{x.start:.1f} {middle - 4:.1f}H{x(row.value):.1f}v8H{x.start:.1f}z"
    whisker = f"M{low:.1f} {middle:.1f}H{high:.1f}M{low:.1f} {middle - 3:.1f}v6M{high:.1f} {middle - 3:.1f}v6"
    tooltip = f"{row.label}: {number(row.value)} ({number(row.low)} to {number(row.high)})"
    drawn = tag("path", class_="band", d=filled), tag("path", class_="whisker", d=whisker)
    mark = PLAIN.mark(x(row.value), middle, 2.6)
    return tag("g", tag("title", tooltip), name, tag("g", *drawn, mark, class_=PLAIN.hue), class_="range")
