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

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from unix_exp.report.markup import Markup, join, tag
from unix_exp.report.style import CHART, RAMP_LEVELS
from unix_exp.report.svg import (
    DASHES,
    DIAMOND,
    LINE,
    SIZE,
    WIDTH,
    Box,
    Entry,
    Frame,
    Scale,
    Style,
    drawing,
    finite,
    frame,
    legend,
    number,
    numbers,
    shortened,
    span,
    ticks,
    width,
    words,
    wrapped,
)

Value = float | None
CROWD = 80  # points of a chart beyond which they are drawn lighter, as they lie on each other
LONGEST_NAME = 190.0  # units of a name beside its point; the whole of it shows when pointed at
FINEST_ROW = 2.0  # units: finer rows of a heat map are averaged, as no eye parts them and files would swell


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
class Rule:
    """A line across the whole plot, at an x or at a y: a teacher's accuracy, a cut of the learning rate."""

    label: str
    x: Value = None
    y: Value = None


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
    shown = list(dict.fromkeys(point.series for point in points))
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
    for low, high in ((plot.y(low), plot.y(high)) for low, high in ends):
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


def diamond(x: float, y: float) -> Markup:
    return tag("path", class_="paper", d=f"M{x:.1f} {y:.1f}{DIAMOND(7.2)}")


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


def heatmap(
    rows: Sequence[Sequence[Value]], x_title: str, y_title: str, scale_title: str, *, title: str,
    x_first: int = 0, y_first: int = 1, limits: tuple[float, float] | None = None,
) -> Markup:  # fmt: skip
    """A colour for every number, rows upwards, in steps of colour that order from dark to bright."""
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
    said = f"{scale_title} by {x_title} and {y_title}: {len(rows)} rows of {columns}"
    said += f", from {number(min(known))} to {number(max(known))}." if known else ", none known yet."
    return drawing([cells, plot.axes, bar, *nothing_yet(plot, known)], plot.below + height, title, said)


def averaged(rows: Sequence[Sequence[Value]], columns: int, group: int) -> list[list[Value]]:
    """Every so many rows as one, of the means of what is known."""
    found: list[list[Value]] = []
    for start in range(0, len(rows), max(group, 1)):
        together = rows[start : start + max(group, 1)]
        known = [finite(row[place] for row in together if place < len(row)) for place in range(columns)]
        found.append([sum(values) / len(values) if values else None for values in known])
    return found


def upright_runs(level: list[list[int | None]], columns: int) -> list[tuple[int, str]]:
    """For each shade the path of its cells: runs along the rows' axis, as one epoch resembles the next."""
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
                x, y = column + 0.5, top - end  # the first row is lowest
                old_x, old_y = ends.get(shade, (0, 0))
                paths.setdefault(shade, []).append(f"m{x - old_x:g} {y - old_y}v{end - start}")
                ends[shade] = (x, y + end - start)
            start = end
    return [(shade, "".join(paths[shade])) for shade in sorted(paths)]


def colour_bar(low: float, high: float, title: str, box: Box, top: float) -> tuple[Markup, float]:
    """What the colours mean: the scale's title, the shades and their numbers."""
    heading = wrapped(title, WIDTH - box.left)
    bar = top + LINE * len(heading) + 2
    step = (box.right - box.left) / RAMP_LEVELS
    wide = round(step + 0.3, 2)  # no seam between two of them
    shades = [
        tag(
            "rect",
            class_=f"h{shade}",
            x=round(box.left + shade * step, 2),
            y=bar,
            width=wide,
            height=10,
        )
        for shade in range(RAMP_LEVELS)
    ]
    scale = Scale(low, high, box.left, box.right)
    places = ticks(low, high, 5)
    labels = [
        words(min(scale(place), WIDTH - width(label) / 2), bar + 14 + SIZE, label, "middle", "quiet bar-tick")
        for place, label in zip(places, numbers(places), strict=True)
    ]
    stubs = "".join(f"M{scale(place):.1f} {bar + 10:.1f}v4" for place in places)
    drawn = join([words(box.left, top + SIZE, heading, kind="title"), *shades,
                  tag("path", class_="frame", d=stubs), *labels])  # fmt: skip
    return drawn, bar + 14 + SIZE + 6 - top


def standalone(chart: str) -> str:
    """The chart as an .svg file: a size of its own, and its style inside."""
    height = chart.split('viewBox="', 1)[1].split('"', 1)[0].split()[-1]
    opening, rest = chart.split(">", 1)
    opening = opening.replace('width="100%"', f'width="{WIDTH:g}" height="{height}"')
    return f"{opening}>{tag('style', Markup(CHART))}{rest}\n"


def finished(plot: Frame, drawn: list[Markup], entries: list[Entry], title: str, description: str) -> Markup:
    below, height = legend(entries, plot.x.start, plot.below, WIDTH - plot.x.start)
    return drawing([*drawn, below], plot.below + height, title, description)


def styled(names: Iterable[str]) -> dict[str, Style]:
    """A look for each name, by when it is first named."""
    return {name: Style(place) for place, name in enumerate(dict.fromkeys(names))}


def whole(values: Iterable[Value]) -> bool:
    """Epochs and classes are counted, so between two of them stands no tick."""
    return all(float(value).is_integer() for value in finite(values))


def nothing_yet(plot: Frame, known: Sequence[object]) -> list[Markup]:
    box = plot.box
    middle = ((box.left + box.right) / 2, (box.top + box.bottom) / 2)
    return [] if known else [words(*middle, "nothing to show yet", "middle", "quiet")]


class Names:
    """Names inside the plot, each where nothing stands yet."""

    def __init__(self, plot: Frame) -> None:
        self.room = plot.box
        self.marks: list[Box] = []
        self.rules: list[Box] = []
        self.names: list[Box] = []

    def avoid(self, x: float, y: float, reach: float) -> None:
        self.marks.append(Box(x - reach, y - reach, x + reach, y + reach))

    def avoid_steps(self, corners: Sequence[tuple[float, float]]) -> None:
        for (x, y), (next_x, next_y) in pairwise([*corners, (self.room.right, corners[-1][1])] if corners else []):
            self.marks += [Box(x, y - 1, next_x, y + 1), Box(next_x - 1, next_y, next_x + 1, y)]

    def beside(self, x: float, y: float, label: str) -> Markup:
        """A point's name, or none where it would stand on something: pointing at the mark still tells it."""
        text = shortened(label, LONGEST_NAME)
        half = width(text) / 2
        spots = [
            (x - half + right * (half + (4 if down else 8)), y + down * (SIZE / 2 + 7))
            for right, down in ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))
        ]
        return self.at(text, spots, self.names + self.marks) or Markup()

    def said(self, text: str, spots: Sequence[tuple[float, float]]) -> Markup:
        """A name that must be read: over a rule or even a curve where no spot is free of them."""
        for taken in (self.names + self.marks + self.rules, self.names + self.marks, self.names):
            drawn = self.at(text, spots, taken)
            if drawn:
                return drawn
        return Markup()

    def at(self, text: str, spots: Sequence[tuple[float, float]], taken: Sequence[Box]) -> Markup | None:
        for left, middle in spots:
            box = Box(left, middle - SIZE / 2 - 1, left + width(text), middle + SIZE / 2 + 1)
            if self.room.holds(box) and not any(box.meets(other) for other in taken):
                self.names.append(box)
                return words(left, middle + SIZE * 0.36, text, kind="halo name")
        return None


def across(rules: Sequence[Rule], plot: Frame, names: Names) -> list[Markup]:
    """Each rule with its name beside it: a level one's at its ends, an upright one's anywhere along it."""
    box = plot.box
    rows = [box.top + SIZE / 2 + 4 + LINE * row for row in range(int((box.bottom - box.top) // LINE))]
    levels = [(rule, plot.y(rule.y)) for rule in rules if rule.y is not None and math.isfinite(rule.y)]
    uprights = [(rule, plot.x(rule.x)) for rule in rules if rule.x is not None and math.isfinite(rule.x)]
    names.rules += [Box(box.left, y, box.right, y) for _, y in levels]
    names.rules += [Box(x, box.top, x, box.bottom) for _, x in uprights]
    drawn = []
    for rule, y in levels:
        text = shortened(rule.label, box.right - box.left - 10)
        spots = [(left, y + side) for side in (-9, 9) for left in (box.right - width(text) - 5, box.left + 5)]
        drawn += [ruled(rule, f"M{box.left:.1f} {y:.1f}H{box.right:.1f}"), names.said(text, spots)]
    for rule, x in uprights:
        text = shortened(rule.label, box.right - box.left - 10)
        spots = [(left, middle) for middle in rows for left in (x + 4, x - 4 - width(text))]
        drawn += [ruled(rule, f"M{x:.1f} {box.bottom:.1f}V{box.top:.1f}"), names.said(text, spots)]
    return drawn


def ruled(rule: Rule, path: str) -> Markup:
    return tag("path", tag("title", rule.label), class_="rule", d=path)
