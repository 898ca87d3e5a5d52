"""The parts of charts: scales, ticks and numbers, the width of text, the drawing.

Drawn by hand because matplotlib's SVG can't follow the reader's light or dark theme and takes a second to import.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from unix_exp.plots.markup import Markup, tag

Value = float | None
WIDTH = 420.0  # units of every chart: about the pixels of a phone, so that text keeps its size there
SIZE = 11.5  # of all text; the same as in style.CHART
LINE = 15.0  # from one line of text to the next
DECADES = 20.0  # from the least to the most of an axis that needs logarithms
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Scale(NamedTuple):
    """From numbers in [low, high] to positions in [start, end]; by their logarithms where `log`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(max(value, low))
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int, whole: bool = False) -> list[float]:
        return log_ticks(self.low, self.high, most) if self.log else ticks(self.low, self.high, most, whole)

    def numbers(self, values: Sequence[float]) -> list[str]:
        """Ticks as text: over decades each with the decimals that it needs itself."""
        return [number(value) for value in values] if self.log else numbers(values)


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: Box) -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def meets_any(self, others: Iterable[Box]) -> bool:
        """Any of them: what a report asks most often."""
        left, top, right, bottom = self
        return any(left < x2 and x1 < right and top < y2 and y1 < bottom for x1, y1, x2, y2 in others)

    def holds(self, other: Box) -> bool:
        return (
            self.left <= other.left and other.right <= self.right
            and self.top <= other.top and other.bottom <= self.bottom
        )  # fmt: skip


def finite(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def span(values: Iterable[float | None], pad: float = 0.05) -> tuple[float, float]:
    """The range to show: all values and some margin; never empty."""
    known = finite(values)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        pad, high, low = 0.0, high + (abs(high) * 0.05 or 1), low - (abs(low) * 0.05 or 1)
    margin = (high - low) * pad
    return low - margin, high + margin


def log_span(values: Iterable[float | None], pad: float = 0.05) -> tuple[float, float]:
    """The range to show on a logarithmic axis, of the values above zero."""
    low, high = span([math.log10(value) for value in finite(values) if value > 0], pad)
    return 10.0**low, 10.0**high


def decades(values: Iterable[float | None]) -> bool:
    """Whether values above zero lie so far apart that a level axis would put most of them into one corner."""
    known = finite(values)
    return bool(known) and min(known) > 0 and max(known) >= DECADES * min(known)


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """At most `most` of 1, 2 and 5 times the powers of ten in [low, high]; of many powers every second, third ..."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors, every in [((1, 2, 5), 1), ((1, 3), 1), *(((1,), every) for every in range(1, len(powers) + 1))]:
        found = [factor * 10.0**power for power in powers if power % every == 0 for factor in factors]
        inside = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(inside) <= most:
            return inside
    return inside[:most]


def ticks(low: float, high: float, most: int, whole: bool = False) -> list[float]:
    """At most `most` round numbers in [low, high], apart by 1, 2, 2.5 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / max(most, 1)))
    steps = [factor * power for factor in (1, 2, 2.5, 5, 10, 20, 25, 50, 100)]
    for step in steps:
        if whole and step != int(step):
            continue
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < max(most, 1):
            return [number * step for number in range(first, last + 1)]
    raise AssertionError("a step of a hundred times the power leaves at most one tick")


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
    """A value to about four digits."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return numbers([float(f"{value:.3g}")])[0]
    return minus(f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}")


def minus(text: str) -> str:
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}").replace("-", "\N{MINUS SIGN}")


@lru_cache(maxsize=2**12)  # most words stand in many charts
def width(text: str) -> float:
    """An upper bound on the width of the text, by the widest usual font: the reader's own is unknown."""
    return sum(map(advance, text)) * SIZE


def advance(letter: str) -> float:
    if letter in "iljI.,:;|!'·/() ftr[]-\N{NARROW NO-BREAK SPACE}":
        return 0.42
    if letter in "mwMW@%" or letter > "\u024f" or not letter.isprintable():
        return 1.02  # beyond Latin, letters may be this wide
    return 0.79 if letter.isupper() else 0.655


def wrapped(text: str, room: float) -> list[str]:
    """Lines no wider than the room, broken between words, and inside words that are wider."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if width(longer) <= room:
            lines[-1] = longer
            continue
        lines.append("")
        for letter in word:
            if width(lines[-1] + letter) > room:
                lines.append("")
            lines[-1] += letter
    return list(filter(None, lines)) or [""]


def inside(middle: float, text: str) -> float:
    """The middle of a text that stays within the drawing."""
    half = width(text) / 2
    return min(max(middle, half), WIDTH - half)


def shortened(text: str, room: float) -> str:
    """The text, or its beginning and an ellipsis."""
    if width(text) <= room:
        return text
    return next((text[:end].rstrip() + "…" for end in range(len(text), 0, -1) if width(text[:end] + "…") <= room), "…")


def text_at(x: float, y: float, lines: str | Sequence[str], anchor: str = "start", kind: str | None = None) -> Markup:
    """Text whose first baseline is at y."""
    lines = [lines] if isinstance(lines, str) else lines
    rows = [tag("tspan", line, x=x, y=y + LINE * number) for number, line in enumerate(lines)]
    return tag("text", *rows, class_=kind, text_anchor=None if anchor == "start" else anchor)


def drawing(parts: Iterable[object], height: float, title: str, description: str) -> Markup:
    """The whole chart: it scales with the page, and its description is for screen readers."""
    return tag(
        "svg", tag("title", title), tag("desc", description), *parts,
        xmlns="http://www.w3.org/2000/svg", class_="chart", viewBox=f"0 0 {WIDTH:g} {math.ceil(height)}", width="100%",
        role="img",
    )  # fmt: skip


def whole(values: Iterable[Value]) -> bool:
    """Whether all values are whole, as epochs and classes are: then no tick is drawn between two of them."""
    return all(float(value).is_integer() for value in finite(values))
