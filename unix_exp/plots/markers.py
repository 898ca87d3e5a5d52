"""The style of a series: colour, marker and dashes, so that series differ in more than their colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from unix_exp.plots.markup import Markup, tag
from unix_exp.plots.style import HUES

DASHES = (None, "7 3", "2.5 2.5", "9 3 2.5 3", "5 2 2 2 2 2", "12 4", "1.5 4", "9 2 1.5 2 1.5 2 1.5 2")


class Style(NamedTuple):
    """The look of one series: numbers of a colour, a marker and dashes; an open marker is filled with the ground."""

    colour: int = 0
    shape: int = 0
    dash: int = 0
    open: bool = False

    @property
    def hue(self) -> str:
        return f"s{self.colour % HUES}"

    @property
    def kind(self) -> str:
        """The classes of what is drawn in this style: its colour, and its marker by name."""
        return f"{self.hue} m{self.shape % len(SHAPES)}{'o' * self.open}"

    @property
    def dashes(self) -> str | None:
        return DASHES[self.dash % len(DASHES)]

    def mark(self, x: float, y: float, size: float = 3.6) -> Markup:
        kind = "mark open" if self.open else "mark"
        return tag("path", d=f"M{x:.1f} {y:.1f}{outline(self.shape % len(SHAPES), size)}", class_=kind)

    def relative(self, number: int) -> Style:
        """The same colour and marker with other dashes: another setting of one method."""
        return self._replace(dash=self.dash + number)


UNKNOWN: Mapping[str, Style] = MappingProxyType({})


PLAIN = Style()


def styled(names: Iterable[str], known: Mapping[str, Style]) -> dict[str, Style]:
    """A style for each name: the known one, or one that no other name has, in the order of the names."""
    names = list(dict.fromkeys(names))
    taken = {known[name].kind for name in names if name in known}
    free = (style for style in map(numbered, range(HUES * len(SHAPES))) if style.kind not in taken)
    return {name: known.get(name) or next(free, None) or numbered(place) for place, name in enumerate(names)}


def numbered(number: int) -> Style:
    """Styles in an order in which neighbours differ in everything; colours and markers together repeat after 56."""
    return Style(number % HUES, number % len(SHAPES), number % len(DASHES))


def diamond(x: float, y: float) -> Markup:
    return tag("path", class_="paper", d=f"M{x:.1f} {y:.1f}{DIAMOND(7.2)}")


def polygon(*corners: tuple[float, float]) -> Callable[[float], str]:
    """A closed shape around the current point, its corners in units of its size."""

    def drawn(size: float) -> str:
        moves, (fromx, fromy) = "", (0.0, 0.0)
        for number, (x, y) in enumerate(corners):
            moves += f"{'l' if number else 'm'}{(x - fromx) * size:.1f} {(y - fromy) * size:.1f}"
            fromx, fromy = x, y
        return moves + "z"

    return drawn


@cache
def outline(shape: int, size: float) -> str:
    return SHAPES[shape](size)


def circle(size: float) -> str:
    return f"m{-size:.1f} 0a{size:.1f} {size:.1f} 0 1 0 {2 * size:.1f} 0a{size:.1f} {size:.1f} 0 1 0 {-2 * size:.1f} 0z"


def round_about(corners: int, turn: float = 0.0, inner: float | None = None) -> list[tuple[float, float]]:
    """Corners of a regular polygon, or of a star."""
    count = corners * (2 if inner else 1)
    found = []
    for number in range(count):
        radius = inner if inner and number % 2 else 1.2
        angle = 2 * math.pi * (number / count + turn) - math.pi / 2
        found.append((round(radius * math.cos(angle), 3), round(radius * math.sin(angle), 3)))
    return found


THIN, LONG = 0.34, 1.15
PLUS = [(-THIN, -LONG), (THIN, -LONG), (THIN, -THIN), (LONG, -THIN), (LONG, THIN), (THIN, THIN),
        (THIN, LONG), (-THIN, LONG), (-THIN, THIN), (-LONG, THIN), (-LONG, -THIN), (-THIN, -THIN)]  # fmt: skip
DIAMOND = polygon((0, -1), (1, 0), (0, 1), (-1, 0))
# As many as can be told apart at this size; the diamond is left out, because it marks the paper's points.
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
