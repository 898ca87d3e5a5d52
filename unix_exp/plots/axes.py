"""What surrounds a plot: its axes, and the legend below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from unix_exp.plots.following import OF_ALL
from unix_exp.plots.markup import Markup, join, tag
from unix_exp.plots.svg import LINE, SIZE, WIDTH, Box, Scale, drawing, inside, text_at, width, wrapped

GAP, BETWEEN = 6.0, 16.0  # from a sample to its name, and from one entry to the next


class Frame(NamedTuple):
    """The area in which numbers are drawn, and the axes around it."""

    x: Scale
    y: Scale
    axes: Markup
    below: float  # where the legend may begin

    @property
    def box(self) -> Box:
        return Box(self.x.start, self.y.end, self.x.end, self.y.start)


def frame(
    x_range: tuple[float, float], y_range: tuple[float, float], x_title: str, y_title: str,
    height: float = 230.0, whole_x: bool = False, whole_y: bool = False, grid: bool = True,
    log_x: bool = False, log_y: bool = False,
) -> Frame:  # fmt: skip
    """Axes with titles; that of the y axis is above it, where it is read level and takes no width."""
    heading = wrapped(y_title, WIDTH - 4)
    top = len(heading) * LINE + 8
    bottom = top + height
    y = Scale(*y_range, bottom, top, log_y)
    y_ticks = y.ticks(int(height // 36), whole_y)
    y_labels = y.numbers(y_ticks)
    left = max(map(width, y_labels), default=0.0) + 10
    x = Scale(*x_range, left, WIDTH - 12, log_x)
    x_ticks, x_labels, middles = x_axis(x, whole_x)
    footing = wrapped(x_title, WIDTH - left)
    lines = [f"M{x.start:.1f} {y(tick):.1f}H{x.end:.1f}" for tick in y_ticks] * grid
    lines += [f"M{x(tick):.1f} {y.start:.1f}V{y.end:.1f}" for tick in x_ticks] * grid
    stubs = "".join(f"M{x(tick):.1f} {bottom:.1f}v4" for tick in x_ticks)
    stubs += "".join(f"M{left:.1f} {y(tick):.1f}h-4" for tick in y_ticks)
    middle = inside((x.start + x.end) / 2, max(footing, key=width))
    axes = [
        text_at(0.0, SIZE, heading, kind="title"),
        tag("path", class_="grid", d="".join(lines)) if lines else "",
        tag("rect", class_="plot frame", x=left, y=top, width=x.end - left, height=height, data_x=ends_of(x),
            data_y=ends_of(y), data_x_title=x_title, data_y_title=y_title),
        tag("path", class_="frame", d=stubs),
        *(text_at(left - 7, y(tick) + SIZE * 0.36, label, "end", "quiet y-tick")
          for tick, label in zip(y_ticks, y_labels, strict=True)),
        *(text_at(x_middle, bottom + 5 + SIZE, label, "middle", "quiet x-tick")
          for x_middle, label in zip(middles, x_labels, strict=True)),
        text_at(middle, bottom + 9 + SIZE + LINE, footing, "middle", "title"),
    ]  # fmt: skip
    return Frame(x, y, join(axes), bottom + 9 + SIZE + LINE * len(footing) + 10)


def ends_of(scale: Scale) -> str:
    """For the page's script, which says the numbers of what is pointed at."""
    return f"{scale.low:.9g} {scale.high:.9g}" + " log" * scale.log


def x_axis(x: Scale, whole: bool) -> tuple[list[float], list[str], list[float]]:
    """As many ticks as there is room for, their labels, and the middles of the labels, which stay inside the chart."""
    for most in range(9, 0, -1):
        values = x.ticks(most, whole)
        labels = x.numbers(values)
        halves = [width(label) / 2 for label in labels]
        middles = [inside(x(value), label) for value, label in zip(values, labels, strict=True)]
        ends = [middle + half for middle, half in zip(middles, halves, strict=True)]
        starts = [middle - half for middle, half in zip(middles, halves, strict=True)]
        if all(start - end >= 8 for end, start in zip(ends, starts[1:], strict=False)):
            return values, labels, middles
    return values, labels, middles


def nothing_yet(plot: Frame, known: Sequence[object]) -> list[Markup]:
    box = plot.box
    middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    return [] if known else [text_at(*middle, "nothing to show yet", "middle", "quiet")]


class Entry(NamedTuple):
    """One entry of the legend: a sample drawn around (0, 0), its width, its name, and the marks that it explains."""

    sample: Markup
    wide: float
    label: str
    of: str = OF_ALL


def legend(entries: Sequence[Entry], left: float, top: float, room: float) -> tuple[Markup, float]:
    """Entries in as many columns as there is room for, and the height that they take."""
    names = [wrapped(entry.label or "unnamed", room - entry.wide - GAP) for entry in entries]
    needs = [entry.wide + GAP + max(map(width, lines)) for entry, lines in zip(entries, names, strict=True)]
    fits = {
        count: widths
        for count in range(1, max(len(entries), 1) + 1)
        for widths in [[max(needs[column::count], default=0.0) for column in range(count)]]
        if sum(widths) + BETWEEN * (count - 1) <= room or count == 1
    }
    # As few rows as possible, in as few columns as those need.
    columns = min(fits, key=lambda count: (math.ceil(len(entries) / count), count))
    widths = fits[columns]
    drawn: list[Markup] = []
    y = top
    for start in range(0, len(entries), columns):
        x = left
        for column, entry in enumerate(entries[start : start + columns]):
            sample = tag("g", entry.sample, transform=f"translate({x + entry.wide / 2:.1f} {y + LINE / 2:.1f})")
            name = text_at(x + entry.wide + GAP, y + LINE / 2 + SIZE * 0.36, names[start + column])
            drawn.append(tag("g", sample, name, class_="entry", data_of=entry.of))
            x += widths[column] + BETWEEN
        y += LINE * max(map(len, names[start : start + columns])) + 3
    return join(drawn), y - top + 2


def finished(
    plot: Frame, drawn: list[Markup], entries: list[Entry], title: str, description: str, note: str = ""
) -> Markup:
    """The whole chart: what is drawn, with its legend below and a note on what it does not show."""
    below, height = legend(entries, plot.x.start, plot.below, WIDTH - plot.x.start)
    bottom = plot.below + height
    lines = wrapped(note, WIDTH - plot.x.start) if note else []
    noted = [tag("g", text_at(plot.x.start, bottom + SIZE, lines, kind="quiet"), data_of=OF_ALL)] if lines else []
    return drawing([*drawn, below, *noted], bottom + LINE * len(lines) + 2 * bool(lines), title, description)
