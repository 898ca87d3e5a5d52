"""Line charts: curves, with the spread over seeds behind them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unix_exp.plots.axes import Entry, Frame, finished, frame, nothing_yet
from unix_exp.plots.following import Marks
from unix_exp.plots.labels import Names, Rule, across
from unix_exp.plots.markers import UNKNOWN, Style, styled
from unix_exp.plots.markup import Markup, tag
from unix_exp.plots.svg import Value, finite, log_span, span, whole

MOST_LINES = 8  # that a reader can tell apart in one chart


@dataclass(frozen=True)
class Line:
    """One curve; `low` and `high` shade the spread, `like` names the series whose hue and marker it shares."""

    label: str
    xs: Sequence[float]
    ys: Sequence[Value]
    low: Sequence[Value] = ()
    high: Sequence[Value] = ()
    dashed: bool | None = None  # None: its series's own dashes
    like: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


def lines(
    series: Sequence[Line], x_title: str, y_title: str, *, title: str,
    rules: Sequence[Rule] = (), styles: Mapping[str, Style] = UNKNOWN, log_x: bool = False, log_y: bool = False,
) -> Markup:  # fmt: skip
    """Curves, with the spread over seeds behind them; a missing value leaves a gap. All but the first few are grey."""
    told, others = series[:MOST_LINES], series[MOST_LINES:]
    looks = styled((line.like or line.label for line in told), styles)
    values = [value for line in series for value in (*line.ys, *line.low, *line.high)]
    plot = frame(
        (log_span if log_x else span)([*(x for line in series for x in line.xs), *(rule.x for rule in rules)], 0.0),
        (log_span if log_y else span)([*values, *(rule.y for rule in rules)], 0.06), x_title, y_title,
        whole_x=whole(x for line in series for x in line.xs), log_x=log_x, log_y=log_y,
    )  # fmt: skip
    numbers = Marks()
    drawn = [tag("g", tag("title", line.label), path_of(unbroken(line, plot)), class_="curve grey",
                 **numbers.mark(line.about)) for line in others]  # fmt: skip
    drawn += [tag("g", *band(line, plot), class_=looks[line.like or line.label].hue, **numbers.of(line.about))
              for line in told]  # fmt: skip
    entries, names = [], Names(plot)
    for index, line in enumerate(told):
        style = looks[line.like or line.label]
        dashes = style.dashes if line.dashed is None else "6 4" if line.dashed else None
        runs = unbroken(line, plot)
        positions = [position for run in runs for position in run]
        every = max(len(positions) // 7, 1)
        begin = every * (index + 1) // (len(told) + 1)  # so that markers of neighbouring curves do not coincide
        marks = [style.mark(x, y, 3.0) for x, y in positions[begin::every]]
        drawn.append(tag("g", tag("title", line.label), path_of(runs, dashes), *marks,
                         class_=f"curve {style.kind}", **numbers.mark(line.about)))  # fmt: skip
        sample = tag("path", class_="line", d="M-13 0H13", stroke_dasharray=dashes)
        entries.append(Entry(tag("g", sample, style.mark(0, 0, 3.0), class_=style.kind), 26, line.label,
                             numbers.listed([line.about])))  # fmt: skip
        for x, y in positions if rules else ():
            names.avoid(x, y, 1.5)
    if others:
        sample = tag("g", tag("path", class_="line", d="M-13 0H13"), class_="grey")
        of = numbers.listed(line.about for line in others)
        entries.append(Entry(sample, 26, f"{len(others)} more, named when pointed at", of))
    drawn = [plot.axes, *drawn, *across(rules, plot, names), *nothing_yet(plot, finite(values))]
    labels = ", ".join(line.label for line in told) + f" and {len(others)} more" * bool(others)
    return finished(plot, drawn, entries, title, f"{y_title} against {x_title}: {labels or 'no curves yet'}.")


def path_of(runs: Sequence[Sequence[tuple[float, float]]], dashes: str | None = None) -> Markup:
    # h0 draws a dot as wide as the line, so that a single value between two gaps shows.
    path = "".join("M" + "L".join([f"{x:.1f} {y:.1f}" for x, y in run]) + "h0" * (len(run) == 1) for run in runs)
    return tag("path", class_="line", d=path, stroke_dasharray=dashes) if path else Markup()


def unbroken(line: Line, plot: Frame) -> list[list[tuple[float, float]]]:
    """The parts of the curve between gaps, as positions in the drawing."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.xs, line.ys, strict=True):
        if y is not None and math.isfinite(x) and math.isfinite(y):
            runs[-1].append((plot.x(x), plot.y(y)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def band(line: Line, plot: Frame) -> list[Markup]:
    if not line.low or not line.high:
        return []
    edges = [unbroken(Line("", line.xs, [low if finite([low, high]) == [low, high] else None for low, high
                                         in zip(pair, other, strict=True)]), plot)
             for pair, other in ((line.low, line.high), (line.high, line.low))]  # fmt: skip
    return [
        tag("path", class_="band", d="M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in [*under, *reversed(over)]) + "z")
        for under, over in zip(*edges, strict=True)
    ]
