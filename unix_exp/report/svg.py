"""What charts are made of: scales, ticks and numbers, the width of text, markers, axes and the legend.

Drawn by hand because matplotlib's SVG can't follow the reader's light or dark theme and takes a second to import.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from unix_exp.report.markup import Markup, join, tag
from unix_exp.report.style import HUES

WIDTH = 420.0  # units of every chart: about the pixels of a phone, so that text there keeps its size
SIZE = 11.5  # of all text; style.CHART says the same
LINE = 15.0  # from one line of text to the next
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
DASHES = (None, "7 3", "2.5 2.5", "9 3 2.5 3", "5 2 2 2 2 2", "12 4")


class Scale(NamedTuple):
    """From the numbers [low, high] to the place [start, end]."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def span(values: Iterable[float | None], pad: float = 0.05) -> tuple[float, float]:
    """The range to show: all values and a little air, never of no extent."""
    known = finite(values)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        pad, high, low = 0.0, high + (abs(high) * 0.05 or 1), low - (abs(low) * 0.05 or 1)
    air = (high - low) * pad
    return low - air, high + air


def ticks(low: float, high: float, most: int, whole: bool = False) -> list[float]:
    """At most so many round numbers in [low, high], evenly apart by 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / max(most, 1)))
    steps = [factor * power for factor in (1, 2, 2.5, 5, 10, 20, 25, 50, 100)]
    for step in steps:
        if whole and step != int(step):
            continue
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < max(most, 1):
            return [place * step for place in range(first, last + 1)]
    raise AssertionError("a step of a hundredfold leaves one tick at most")


def numbers(values: Sequence[float]) -> list[str]:
    """Ticks as text, all with as many decimals as the finest of them needs."""
    largest = max(map(abs, values), default=0.0)
    if largest and not 1e-3 <= largest < 1e6:
        power = math.floor(math.log10(largest))
        suffix = "·10" + str(power).translate(SUPERSCRIPT)
        factors = numbers([value / 10.0**power for value in values])
        return [f"{factor}{suffix}" if value else "0" for value, factor in zip(values, factors, strict=True)]
    decimals = next(
        (count for count in range(9) if all(math.isclose(round(v, count), v, abs_tol=1e-9) for v in values)), 9
    )
    return [minus(f"{value:,.{decimals}f}" if largest >= 1e4 else f"{value:.{decimals}f}") for value in values]


def number(value: float) -> str:
    """A value for people, to four digits or so."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return numbers([float(f"{value:.3g}")])[0]
    return minus(f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}")


def minus(text: str) -> str:
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", "\N{MINUS SIGN}")


def width(text: str) -> float:
    """At most how wide the text is: by the widest of the usual faces, as we don't know the reader's."""
    return sum(map(advance, text)) * SIZE


def advance(letter: str) -> float:
    if letter in "iljI.,:;|!'·/() ftr[]-\N{NARROW NO-BREAK SPACE}":
        return 0.42
    if letter in "mwMW@%" or letter > "\u024f" or not letter.isprintable():
        return 1.02  # beyond Latin nothing is known of a letter
    return 0.79 if letter.isupper() else 0.655


def wrapped(text: str, room: float) -> list[str]:
    """Lines no wider than the room, broken between words, and inside those that alone are wider."""
    lines, line = [], ""
    for word in text.split():
        while True:
            longer = f"{line} {word}" if line else word
            if width(longer) <= room:
                line = longer
                break
            if line:
                lines.append(line)
                line = ""
                continue
            fits = max(next(end for end in range(len(word), 0, -1) if end == 1 or width(word[:end]) <= room), 1)
            lines.append(word[:fits])
            word = word[fits:]
            if not word:
                break
    return [*lines, line] if line or not lines else lines


def shortened(text: str, room: float) -> str:
    """The text, or its beginning and an ellipsis."""
    if width(text) <= room:
        return text
    return next((text[:end].rstrip() + "…" for end in range(len(text), 0, -1) if width(text[:end] + "…") <= room), "…")


def words(x: float, y: float, lines: str | Sequence[str], anchor: str = "start", kind: str | None = None) -> Markup:
    """Text whose first base line is at y."""
    lines = [lines] if isinstance(lines, str) else lines
    many = (
        [tag("tspan", line, x=x, y=y + LINE * place) for place, line in enumerate(lines)] if len(lines) > 1 else lines
    )
    where = {} if len(lines) > 1 else {"x": x, "y": y}
    return tag("text", *many, class_=kind, text_anchor=None if anchor == "start" else anchor, **where)


class Style(NamedTuple):
    """How one series looks: its hue, its marker and its dashes, so that no cue stands alone."""

    place: int

    @property
    def hue(self) -> str:
        return f"s{self.place % HUES}"

    @property
    def dashes(self) -> str | None:
        return DASHES[self.place % len(DASHES)]

    def mark(self, x: float, y: float, size: float = 3.6) -> Markup:
        return tag("path", d=f"M{x:.1f} {y:.1f}{SHAPES[self.place % len(SHAPES)](size)}", class_="mark")


def polygon(*corners: tuple[float, float]):  # type: ignore[no-untyped-def]
    """A closed shape around the current point, its corners in units of its size."""

    def drawn(size: float) -> str:
        moves, (fromx, fromy) = "", (0.0, 0.0)
        for place, (x, y) in enumerate(corners):
            moves += f"{'l' if place else 'm'}{(x - fromx) * size:.1f} {(y - fromy) * size:.1f}"
            fromx, fromy = x, y
        return moves + "z"

    return drawn


def circle(size: float) -> str:
    return f"m{-size:.1f} 0a{size:.1f} {size:.1f} 0 1 0 {2 * size:.1f} 0a{size:.1f} {size:.1f} 0 1 0 {-2 * size:.1f} 0z"


def round_about(corners: int, turn: float = 0.0, inner: float | None = None) -> list[tuple[float, float]]:
    """Corners of a regular polygon, or of a star."""
    count = corners * (2 if inner else 1)
    found = []
    for place in range(count):
        radius = inner if inner and place % 2 else 1.2
        angle = 2 * math.pi * (place / count + turn) - math.pi / 2
        found.append((round(radius * math.cos(angle), 3), round(radius * math.sin(angle), 3)))
    return found


THIN, LONG = 0.34, 1.15
PLUS = [(-THIN, -LONG), (THIN, -LONG), (THIN, -THIN), (LONG, -THIN), (LONG, THIN), (THIN, THIN),
        (THIN, LONG), (-THIN, LONG), (-THIN, THIN), (-LONG, THIN), (-LONG, -THIN), (-THIN, -THIN)]  # fmt: skip
DIAMOND = polygon((0, -1), (1, 0), (0, 1), (-1, 0))
# As many as are told apart at this size; a diamond is none of them, for it marks the paper's points.
SHAPES = (
    circle,
    polygon((-0.92, -0.92), (0.92, -0.92), (0.92, 0.92), (-0.92, 0.92)),
    polygon((0, -1.15), (1.1, 0.85), (-1.1, 0.85)),
    polygon(*PLUS),
    polygon((0, 1.15), (1.1, -0.85), (-1.1, -0.85)),
    polygon(*round_about(5, inner=0.5)),
    polygon(*(((x - y) * 0.72, (x + y) * 0.72) for x, y in PLUS)),
    polygon(*round_about(6, turn=1 / 12)),
)


class Entry(NamedTuple):
    """One entry of the legend: a sample drawn around (0, 0), its width, and its name."""

    sample: Markup
    wide: float
    label: str


GAP, BETWEEN = 6.0, 16.0  # from a sample to its name, from one entry to the next


def legend(entries: Sequence[Entry], left: float, top: float, room: float) -> tuple[Markup, float]:
    """Entries in as many columns as have room, and the height they take."""
    names = [wrapped(entry.label or "unnamed", room - entry.wide - GAP) for entry in entries]
    needs = [entry.wide + GAP + max(map(width, lines)) for entry, lines in zip(entries, names, strict=True)]
    fits = {
        count: widths
        for count in range(1, max(len(entries), 1) + 1)
        for widths in [[max(needs[place::count], default=0.0) for place in range(count)]]
        if sum(widths) + BETWEEN * (count - 1) <= room or count == 1
    }
    columns = min(fits, key=lambda count: (math.ceil(len(entries) / count), count))  # few rows, then even ones
    widths = fits[columns]
    drawn: list[Markup] = []
    y = top
    for start in range(0, len(entries), columns):
        x = left
        for place, entry in enumerate(entries[start : start + columns]):
            sample = tag("g", entry.sample, transform=f"translate({x + entry.wide / 2:.1f} {y + LINE / 2:.1f})")
            name = words(x + entry.wide + GAP, y + LINE / 2 + SIZE * 0.36, names[start + place])
            drawn.append(tag("g", sample, name, class_="entry"))
            x += widths[place] + BETWEEN
        y += LINE * max(map(len, names[start : start + columns])) + 3
    return join(drawn), y - top + 2


class Frame(NamedTuple):
    """Where the numbers are drawn, and the axes around it."""

    x: Scale
    y: Scale
    axes: Markup
    below: float  # where the legend may begin

    @property
    def box(self) -> Box:
        return Box(self.x.start, self.y.end, self.x.end, self.y.start)


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        return (
            self.left <= other.left and other.right <= self.right
            and self.top <= other.top and other.bottom <= self.bottom
        )  # fmt: skip


def frame(
    x_range: tuple[float, float], y_range: tuple[float, float], x_title: str, y_title: str,
    height: float = 230.0, whole_x: bool = False, whole_y: bool = False, grid: bool = True,
) -> Frame:  # fmt: skip
    """Axes with titles: the y axis's stands above it, where it needs no turned head and no width."""
    heading = wrapped(y_title, WIDTH - 4)
    top = len(heading) * LINE + 8
    bottom = top + height
    y_ticks = ticks(*y_range, most=int(height // 36), whole=whole_y)
    y_labels = numbers(y_ticks)
    left = max(map(width, y_labels), default=0.0) + 10
    x, y = Scale(*x_range, left, WIDTH - 12), Scale(*y_range, bottom, top)
    x_ticks, x_labels, middles = x_axis(x, whole_x)
    footing = wrapped(x_title, WIDTH - left)
    lines = [f"M{x.start:.1f} {y(tick):.1f}H{x.end:.1f}" for tick in y_ticks] * grid
    lines += [f"M{x(tick):.1f} {y.start:.1f}V{y.end:.1f}" for tick in x_ticks] * grid
    stubs = "".join(f"M{x(tick):.1f} {bottom:.1f}v4" for tick in x_ticks)
    stubs += "".join(f"M{left:.1f} {y(tick):.1f}h-4" for tick in y_ticks)
    middle = min(max((x.start + x.end) / 2, max(map(width, footing)) / 2), WIDTH - max(map(width, footing)) / 2)
    axes = [
        words(0.0, SIZE, heading, kind="title"),
        tag("path", class_="grid", d="".join(lines)) if lines else "",
        tag("rect", class_="plot frame", x=left, y=top, width=x.end - left, height=height),
        tag("path", class_="frame", d=stubs),
        *(words(left - 7, y(tick) + SIZE * 0.36, label, "end", "quiet y-tick")
          for tick, label in zip(y_ticks, y_labels, strict=True)),
        *(words(place, bottom + 5 + SIZE, label, "middle", "quiet x-tick")
          for place, label in zip(middles, x_labels, strict=True)),
        words(middle, bottom + 9 + SIZE + LINE, footing, "middle", "title"),
    ]  # fmt: skip
    return Frame(x, y, join(axes), bottom + 9 + SIZE + LINE * len(footing) + 10)


def x_axis(x: Scale, whole: bool) -> tuple[list[float], list[str], list[float]]:
    """As many ticks as have room for their labels, and the middles of those labels, none beyond the chart's edge."""
    for most in range(9, 0, -1):
        places = ticks(x.low, x.high, most, whole)
        labels = numbers(places)
        halves = [width(label) / 2 for label in labels]
        middles = [min(x(place), WIDTH - half) for place, half in zip(places, halves, strict=True)]
        ends = [middle + half for middle, half in zip(middles, halves, strict=True)]
        starts = [middle - half for middle, half in zip(middles, halves, strict=True)]
        if all(start - end >= 8 for end, start in zip(ends, starts[1:], strict=False)):
            return places, labels, middles
    return places, labels, middles


def drawing(parts: Iterable[object], height: float, title: str, description: str) -> Markup:
    """The whole chart: it scales with the page, and a screen reader hears what it shows."""
    return tag(
        "svg", tag("title", title), tag("desc", description), *parts,
        xmlns="http://www.w3.org/2000/svg", class_="chart", viewBox=f"0 0 {WIDTH:g} {math.ceil(height)}", width="100%",
        role="img",
    )  # fmt: skip
