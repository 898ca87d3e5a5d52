"""The report's charts, from plain numbers to SVG.

    scatter(points, x_title, y_title, title=..., fronts=(), rules=(), order=())
        points: Point(x, y, series, label="", error=None, published=False, named=False)
        fronts: Front(label, points), the steps of who is best for its cost;  rules: Rule(label, x=None, y=None)
    lines(series, x_title, y_title, title=..., rules=(), order=())
        series: Line(label, xs, ys, low=(), high=(), dashed=None, like="")
    heatmap(rows, x_title, y_title, scale_title, title=..., x_first=0, y_first=1, limits=None)
        rows[epoch][class]
    standalone(chart)    the same as a file of its own, with its style inside

Every title holds its unit. A value that is None or not finite is missing, never zero. `title` is what a screen reader
says. `order` names all series of a report, so that each looks the same in every chart of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from unix_exp.plots.axes import Entry, Frame, frame, legend, nothing_yet
from unix_exp.plots.heatmap import heatmap
from unix_exp.plots.labels import Names, Rule, across
from unix_exp.plots.markers import DASHES, DIAMOND, Style, diamond, styled
from unix_exp.plots.markup import Markup, tag
from unix_exp.plots.style import CHART
from unix_exp.plots.svg import WIDTH, Box, Value, drawing, finite, number, span, whole

__all__ = ["Front", "Line", "Point", "Rule", "heatmap", "lines", "scatter", "standalone"]


CROWD = 80  # points of a chart beyond which they are drawn lighter, as they lie on each other


@dataclass(frozen=True)
class Point:
    """One result; `published` is a paper's, `named` writes its label beside it where there is room."""

    x: float
    y: float
    series: str
    label: str = ""
    error: Value = None
    published: bool = False
    named: bool = False


@dataclass(frozen=True)
class Front:
    """The points that none beats with less of x and more of y, joined by steps."""

    label: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Line:
    """One curve; `low` and `high` shade the spread over seeds, `like` is the series whose hue and marker it shares."""

    label: str
    xs: Sequence[float]
    ys: Sequence[Value]
    low: Sequence[Value] = ()
    high: Sequence[Value] = ()
    dashed: bool | None = None  # None: its series's own dashes
    like: str = ""


def scatter(
    points: Iterable[Point], x_title: str, y_title: str, *, title: str,
    fronts: Sequence[Front] = (), rules: Sequence[Rule] = (), order: Sequence[str] = (),
) -> Markup:  # fmt: skip
    """Results by two numbers; a paper's wear a diamond."""
    points = [point for point in points if finite([point.x, point.y]) == [point.x, point.y]]
    styles = styled([*order, *(point.series for point in points)])
    corners = [corner for front in fronts for corner in best(front.points)]
    ends = [end for point in points for end in chain(*error_ends(point))]
    plot = frame(
        span([*(point.x for point in (*points, *corners)), *(rule.x for rule in rules)], 0.06),
        span([*(point.y for point in (*points, *corners)), *ends, *(rule.y for rule in rules)], 0.08),
        x_title, y_title,
        whole_x=whole(point.x for point in points),
    )  # fmt: skip
    names = Names(plot)
    for point in points:
        x, reach = plot.x(point.x), 6.5 if point.published else 4.5
        names.avoid(x, plot.y(point.y), reach)
        names.marks += [Box(x - 2, plot.y(high), x + 2, plot.y(low)) for low, high in error_ends(point)]
    for front in fronts:
        names.avoid_steps([(plot.x(corner.x), plot.y(corner.y)) for corner in best(front.points)])
    marks = [spot(point, styles[point.series], plot, x_title, y_title) for point in points]
    drawn = [
        plot.axes,
        *(step_line(front, place, plot) for place, front in enumerate(fronts)),
        tag("g", *marks, class_="marks many" if len(points) > CROWD else "marks"),
        *across(rules, plot, names),
        *(names.beside(plot.x(point.x), plot.y(point.y), point.label) for point in points if point.named),
        *nothing_yet(plot, points),
    ]
    shown = [name for name in styles if any(point.series == name for point in points)]
    entries = [Entry(tag("g", styles[name].mark(0, 0), class_=styles[name].hue), 10, name) for name in shown]
    entries += [Entry(front_sample(place), 26, front.label) for place, front in enumerate(fronts)]
    if any(point.published for point in points):
        entries.append(Entry(diamond(0, 0), 15, "paper"))
    counted = ", ".join(f"{name} ({sum(point.series == name for point in points)})" for name in shown)
    return finished(plot, drawn, entries, title, f"{y_title} against {x_title}: {counted or 'no points yet'}.")


def spot(point: Point, style: Style, plot: Frame, x_title: str, y_title: str) -> Markup:
    x, y = plot.x(point.x), plot.y(point.y)
    parts = []
    ends = error_ends(point)
    for low, high in ends:
        low, high = plot.y(low), plot.y(high)
        parts.append(tag("path", class_="whisker", d=f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 3:.1f} {low:.1f}h6"
                                                     f"M{x - 3:.1f} {high:.1f}h6"))  # fmt: skip
    if point.published:
        parts += [tag("path", class_="paper", d=f"M{x:.1f} {y:.1f}{DIAMOND(7.2)}"), style.mark(x, y, 2.2)]
    else:
        parts.append(style.mark(x, y))
    name = f"{point.series}: {point.label}" if point.label and point.label != point.series else point.series
    spread = f" ± {number(point.error)}" if ends and point.error is not None else ""
    name += " (paper)" * point.published
    said = f"{name}\n{y_title}: {number(point.y)}{spread}\n{x_title}: {number(point.x)}"
    return tag("g", tag("title", said), *parts, class_=f"point {style.hue}")


def error_ends(point: Point) -> list[tuple[float, float]]:
    """Where the error bar of a point begins and ends, if it has one."""
    return [(point.y - point.error, point.y + point.error)] if finite([point.error]) and point.error else []


def best(points: Iterable[Point]) -> list[Point]:
    """Those that no other beats with less x and more y, by rising x."""
    found: list[Point] = []
    known = [point for point in points if finite([point.x, point.y]) == [point.x, point.y]]
    for point in sorted(known, key=lambda point: (point.x, -point.y)):
        if not found or point.y > found[-1].y:
            found.append(point)
    return found


def step_line(front: Front, place: int, plot: Frame) -> Markup:
    corners = best(front.points)
    if not corners:
        return Markup()
    path = f"M{plot.x(corners[0].x):.1f} {plot.y(corners[0].y):.1f}"
    path += "".join(f"H{plot.x(corner.x):.1f}V{plot.y(corner.y):.1f}" for corner in corners[1:])
    return tag("path", tag("title", front.label), class_="front", d=f"{path}H{plot.x.end:.1f}",
               stroke_dasharray=DASHES[place % len(DASHES)])  # fmt: skip


def front_sample(place: int) -> Markup:
    return tag("path", class_="front", d="M-12 4H0V-4H12", stroke_dasharray=DASHES[place % len(DASHES)])


def lines(
    series: Sequence[Line], x_title: str, y_title: str, *, title: str,
    rules: Sequence[Rule] = (), order: Sequence[str] = (),
) -> Markup:  # fmt: skip
    """Curves, with the spread over seeds behind them; a missing value leaves a gap."""
    styles = styled([*order, *(line.like or line.label for line in series)])
    values = [value for line in series for value in (*line.ys, *line.low, *line.high)]
    plot = frame(
        span([*(x for line in series for x in line.xs), *(rule.x for rule in rules)], 0.0),
        span([*values, *(rule.y for rule in rules)], 0.06), x_title, y_title,
        whole_x=whole(x for line in series for x in line.xs),
    )  # fmt: skip
    bands, curves, entries = [], [], []
    for place, line in enumerate(series):
        style = styles[line.like or line.label]
        dashes = style.dashes if line.dashed is None else "6 4" if line.dashed else None
        bands.append(tag("g", *band(line, plot), class_=style.hue))
        runs = unbroken(line, plot)
        # A dot of no length is drawn as wide as the line: a value between two gaps is still seen.
        path = "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run) + "h0" * (len(run) == 1) for run in runs)
        spots = [spot for run in runs for spot in run]
        every = max(len(spots) // 7, 1)
        begin = every * (place + 1) // (len(series) + 1)  # each curve's markers at other places than its neighbours'
        marks = [style.mark(x, y, 3.0) for x, y in spots[begin::every]]
        curve = tag("path", class_="line", d=path, stroke_dasharray=dashes) if path else ""
        curves.append(tag("g", tag("title", line.label), curve, *marks, class_=f"curve {style.hue}"))
        sample = tag("path", class_="line", d="M-13 0H13", stroke_dasharray=dashes)
        entries.append(Entry(tag("g", sample, style.mark(0, 0, 3.0), class_=style.hue), 26, line.label))
    names = Names(plot)
    for x, y in (spot for line in series for run in unbroken(line, plot) for spot in run):
        names.avoid(x, y, 1.5)
    drawn = [plot.axes, *bands, *curves, *across(rules, plot, names), *nothing_yet(plot, finite(values))]
    said = ", ".join(line.label for line in series)
    return finished(plot, drawn, entries, title, f"{y_title} against {x_title}: {said or 'no curves yet'}.")


def unbroken(line: Line, plot: Frame) -> list[list[tuple[float, float]]]:
    """The curve's stretches between gaps, as places in the drawing."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.xs, line.ys, strict=True):
        if finite([x, y]) == [x, y]:
            runs[-1].append((plot.x(x), plot.y(y or 0)))
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


def finished(plot: Frame, drawn: list[Markup], entries: list[Entry], title: str, description: str) -> Markup:
    below, height = legend(entries, plot.x.start, plot.below, WIDTH - plot.x.start)
    return drawing([*drawn, below], plot.below + height, title, description)


def standalone(chart: str) -> str:
    """The chart as an .svg file: a size of its own, and its style inside."""
    height = chart.split('viewBox="', 1)[1].split('"', 1)[0].split()[-1]
    opening, rest = chart.split(">", 1)
    opening = opening.replace('width="100%"', f'width="{WIDTH:g}" height="{height}"')
    return f"{opening}>{tag('style', Markup(CHART))}{rest}\n"
