"""The style of a series: hue, marker and dashes, so that series differ in more than their colour."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

from unix_exp.plots.markup import Markup, tag
from unix_exp.plots.style import HUES

DASHES = (None, "7 3", "2.5 2.5", "9 3 2.5 3", "5 2 2 2 2 2", "12 4")


class Style(NamedTuple):
    """The hue, marker and dashes of one series."""

    number: int  # of the series, counted from 0

    @property
    def hue(self) -> str:
        return f"s{self.number % HUES}"

    @property
    def dashes(self) -> str | None:
        return DASHES[self.number % len(DASHES)]

    def mark(self, x: float, y: float, size: float = 3.6) -> Markup:
        return tag("path", d=f"M{x:.1f} {y:.1f}{SHAPES[self.number % len(SHAPES)](size)}", class_="mark")


def styled(names: Iterable[str]) -> dict[str, Style]:
    """A style for each name, in the order in which names first occur."""
    return {name: Style(number) for number, name in enumerate(dict.fromkeys(names))}


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
