"""Scatter charts: results by two numbers, with error bars, fronts and rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

from unix_exp.plots.axes import Entry, Frame, finished, frame, nothing_yet
from unix_exp.plots.following import OF_ALL, Marks
from unix_exp.plots.labels import Names, Rule, across
from unix_exp.plots.markers import DASHES, DIAMOND, UNKNOWN, Style, diamond, styled
from unix_exp.plots.markup import Markup, tag
from unix_exp.plots.svg import SIZE, Box, Value, finite, log_span, minus, number, span, text_at, whole

UNKNOWN_NAMES: Mapping[str, str] = MappingProxyType({})
CROWD = 80  # more points than this are drawn lighter, as they overlap
FEW_NAMES, LOW, TALL = 8, 230.0, 310.0  # units: names need room
MOST_NAMES = 40  # in one plot; where there are more, those on a front, and the chart says how many it lacks


@dataclass(frozen=True)
class Point:
    """One result; `published` is the paper's, `named` writes its label beside it where there is room."""

    x: float
    y: float
    series: str
    label: str = ""
    error: Value = None
    published: bool = False
    named: bool = False
    about: Mapping[str, str] = field(default_factory=dict)
    details: str = ""  # one more line for whoever points at it


@dataclass(frozen=True)
class Front:
    """The points that no other beats with less x and more y, joined by steps."""

    label: str
    points: Sequence[Point]


def scatter(
    points: Iterable[Point], x_title: str, y_title: str, *, title: str,
    fronts: Sequence[Front] = (), rules: Sequence[Rule] = (), styles: Mapping[str, Style] = UNKNOWN,
    log_x: bool = False, called: Mapping[str, str] = UNKNOWN_NAMES,
) -> Markup:  # fmt: skip
    """Results by two numbers; the paper's are diamonds. `called` names series otherwise in the legend."""
    points = [point for point in points if finite([point.x, point.y]) == [point.x, point.y]]
    shown = list(dict.fromkeys(point.series for point in points))
    looks = styled(shown, styles)
    corners = [corner for front in fronts for corner in best(front.points)]
    ends = [end for point in points for end in chain(*error_ends(point))]
    plot = frame(
        (log_span if log_x else span)([*(point.x for point in (*points, *corners)), *(rule.x for rule in rules)], 0.06),
        span([*(point.y for point in (*points, *corners)), *ends, *(rule.y for rule in rules)], 0.08),
        x_title, y_title,
        whole_x=whole(point.x for point in points), log_x=log_x,
        height=TALL if sum(point.named for point in points) > FEW_NAMES else LOW,
    )  # fmt: skip
    names = Names(plot)
    for point in points:
        x, reach = plot.x(point.x), 6.5 if point.published else 4.5
        names.avoid(x, plot.y(point.y), reach)
        names.marks += [Box(x - 2, plot.y(high), x + 2, plot.y(low)) for low, high in error_ends(point)]
    for front in fronts:
        names.avoid_steps([(plot.x(corner.x), plot.y(corner.y)) for corner in best(front.points)])
    ruled = across(rules, plot, names)  # their names first, as nothing else says what they are
    numbers = Marks()
    written, listed, note = named(points, fronts, plot, names, numbers)
    marks = [mark(point, looks[point.series], plot, x_title, y_title, numbers) for point in points]
    drawn = [
        plot.axes,
        *(step_line(front, number, plot) for number, front in enumerate(fronts)),
        *ruled,
        tag("g", *marks, class_="marks many" if len(points) > CROWD else "marks"),
        *written,
        *nothing_yet(plot, points),
    ]
    ordered = [*(name for name in styles if name in shown), *(name for name in shown if name not in styles)]
    of = {name: numbers.listed(point.about for point in points if point.series == name) for name in ordered}
    entries = [Entry(tag("g", looks[name].mark(0, 0), class_=looks[name].kind), 10, called.get(name, name), of[name])
               for name in ordered]  # fmt: skip
    entries += [Entry(front_sample(number), 26, front.label) for number, front in enumerate(fronts)]
    if any(point.published for point in points):
        entries.append(Entry(diamond(0, 0), 15, "paper"))
    entries += listed
    sizes = {called.get(name, name): sum(point.series == name for point in points) for name in ordered}
    counted = ", ".join(f"{name} ({size})" for name, size in sizes.items())
    return finished(plot, drawn, entries, title, f"{y_title} against {x_title}: {counted or 'no points yet'}.", note)


def named(
    points: Sequence[Point], fronts: Sequence[Front], plot: Frame, names: Names, numbers: Marks
) -> tuple[list[Markup], list[Entry], str]:  # fmt: skip
    """Every name once: next to its point, or where a line leads to it, or below the plot under the point's number."""
    ahead = [(point.x, point.y, point.label) for front in fronts for point in best(front.points)]
    ordered = sorted((point for point in points if point.named and point.label),
                     key=lambda point: (point.x, point.y, point.label) not in ahead)  # fmt: skip
    written: list[Markup] = []
    listed: list[Entry] = []
    crowded = len(ordered) > MOST_NAMES  # then only the best have names, as numbers on numbers help nobody
    on_fronts = sum((point.x, point.y, point.label) in ahead for point in ordered)
    most = min(on_fronts, MOST_NAMES) if crowded else MOST_NAMES
    left, waiting = ordered[most:], ordered[:most]
    for place in (names.beside, names.led_to):
        placed = [place(plot.x(point.x), plot.y(point.y), point.label) for point in waiting]
        written += [tag("g", one, **numbers.of(point.about))
                    for point, one in zip(waiting, placed, strict=True) if one is not None]  # fmt: skip
        waiting = [point for point, one in zip(waiting, placed, strict=True) if one is None]
    for point in waiting:
        number = len(listed) + 1
        drawn = None if crowded else names.numbered(plot.x(point.x), plot.y(point.y), number)
        if drawn is None:
            left.append(point)
        else:
            written.append(tag("g", drawn, **numbers.of(point.about)))
            sample = text_at(0.0, SIZE * 0.36, str(number), "middle", "quiet")
            listed.append(Entry(sample, 15, point.label, numbers.listed([point.about])))
    marks = "1 mark has" if len(left) == 1 else f"{len(left)} marks have"
    return written, listed, f"{marks} no name here: point at a mark, or see the table of all arms." if left else ""


def mark(point: Point, style: Style, plot: Frame, x_title: str, y_title: str, numbers: Marks) -> Markup:
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
    spread = f" ± {measured(point.error, y_title)}" if ends and point.error is not None else ""
    name += " (paper)" * point.published
    details = f"{point.details}\n" * bool(point.details)
    y_said, x_said = measured(point.y, y_title) + spread, measured(point.x, x_title)
    tooltip = f"{name}\n{details}{y_title}: {y_said}\n{x_title}: {x_said}"
    return tag("g", tag("title", tooltip), *parts, class_=f"point {style.kind}", **numbers.mark(point.about))


def measured(value: float, title: str) -> str:
    """As the tables have it: percentages with two decimals, as seeds differ by more than a third one says."""
    return minus(f"{round(value, 2) + 0.0:.2f}") if "%" in title else number(value)


def error_ends(point: Point) -> list[tuple[float, float]]:
    """The two ends of a point's error bar; none where it has no bar."""
    return [(point.y - point.error, point.y + point.error)] if finite([point.error]) and point.error else []


def best(points: Iterable[Point]) -> list[Point]:
    """The points that no other beats with less x and more y, by rising x."""
    found: list[Point] = []
    known = [point for point in points if finite([point.x, point.y]) == [point.x, point.y]]
    for point in sorted(known, key=lambda point: (point.x, -point.y)):
        if not found or point.y > found[-1].y:
            found.append(point)
    return found


def step_line(front: Front, number: int, plot: Frame) -> Markup:
    corners = best(front.points)
    if not corners:
        return Markup()
    path = f"M{plot.x(corners[0].x):.1f} {plot.y(corners[0].y):.1f}"
    path += "".join(f"H{plot.x(corner.x):.1f}V{plot.y(corner.y):.1f}" for corner in corners[1:])
    return tag("path", tag("title", front.label), class_="front", d=f"{path}H{plot.x.end:.1f}",
               stroke_dasharray=DASHES[number % len(DASHES)], data_of=OF_ALL)  # fmt: skip


def front_sample(number: int) -> Markup:
    return tag("path", class_="front", d="M-12 4H0V-4H12", stroke_dasharray=DASHES[number % len(DASHES)])
