"""Names inside a plot, each where there is room for it, and the rules that cross the plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from unix_exp.plots.axes import Frame
from unix_exp.plots.markup import Markup, join, tag
from unix_exp.plots.svg import LINE, SIZE, Box, Value, shortened, text_at, width

LONGEST_NAME = 190.0  # units of a name beside its point; a longer one is listed below the plot
RINGS = (24.0, 36.0, 50.0, 66.0, 84.0, 104.0)  # units from a point to a name that a line leads to
DIRECTIONS = tuple((math.cos(angle), math.sin(angle)) for angle in (math.pi * step / 8 for step in range(16)))


@dataclass(frozen=True)
class Rule:
    """A line across the whole plot, at an x or at a y: a teacher's accuracy, a cut of the learning rate."""

    label: str
    x: Value = None
    y: Value = None


class Names:
    """Names inside the plot, each where there is room for it."""

    def __init__(self, plot: Frame) -> None:
        left, top, right, bottom = plot.box
        self.room = Box(left + 3, top + 3, right - 3, bottom - 3)
        self.marks: list[Box] = []
        self.rules: list[Box] = []
        self.names: list[Box] = []

    def avoid(self, x: float, y: float, reach: float) -> None:
        self.marks.append(Box(x - reach, y - reach, x + reach, y + reach))

    def avoid_steps(self, corners: Sequence[tuple[float, float]]) -> None:
        for (x, y), (next_x, next_y) in pairwise([*corners, (self.room.right, corners[-1][1])] if corners else []):
            self.marks += [Box(x, y - 1, next_x, y + 1), Box(next_x - 1, next_y, next_x + 1, y)]

    def beside(self, x: float, y: float, name: str) -> Markup | None:
        """A point's name next to it; None where there is no room."""
        if width(name) > LONGEST_NAME:
            return None
        return self.at(name, around(x, y, name), self.names + self.marks + self.rules)

    def led_to(self, x: float, y: float, name: str) -> Markup | None:
        """A point's name farther off, with a line from the point to it; None where there is no room."""
        if width(name) > LONGEST_NAME:
            return None
        taken = self.names + self.marks + self.rules
        at, near = (Box(x - far, y - far, x + far, y + far) for far in (1, RINGS[-1]))
        others = [box for box in self.names + [one for one in self.marks if not one.meets(at)] if box.meets(near)]
        blocked = set()  # nearer than the next ring
        for ring in RINGS:
            for right, down in DIRECTIONS:
                if (right, down) in blocked:
                    continue
                end_x, end_y = x + right * ring, y + down * ring
                left = end_x - width(name) * (0.5 if abs(right) < 0.3 else float(right < 0))
                way = [(x + right * far, y + down * far) for far in range(8, int(ring) - 2, 3)]
                steps = [Box(at_x - 1, at_y - 1, at_x + 1, at_y + 1) for at_x, at_y in way]
                if any(step.meets_any(others) for step in steps):
                    blocked.add((right, down))
                    continue
                if (drawn := self.at(name, [(left, end_y + down * SIZE / 2)], taken)) is not None:
                    self.marks += steps
                    begin, end = (f"{x + right * far:.1f} {y + down * far:.1f}" for far in (5.0, ring - 1))
                    return join([tag("path", class_="leader", d=f"M{begin}L{end}"), drawn])
        return None

    def numbered(self, x: float, y: float, number: int) -> Markup | None:
        """A number next to a point, or where a line leads to it, or over other marks; what it means stands below."""
        text = str(number)
        return self.beside(x, y, text) or self.led_to(x, y, text) or self.at(text, around(x, y, text), self.names)

    def required(self, name: str, positions: Sequence[tuple[float, float]]) -> Markup:
        """A name that must be readable: over a rule or even a curve where there is no free room."""
        for taken in (self.names + self.marks + self.rules, self.names + self.marks, self.names):
            drawn = self.at(name, positions, taken)
            if drawn:
                return drawn
        return Markup()

    def at(self, name: str, positions: Sequence[tuple[float, float]], taken: Sequence[Box]) -> Markup | None:
        for left, middle in positions:
            box = Box(left, middle - SIZE / 2 - 1, left + width(name), middle + SIZE / 2 + 1)
            if self.room.holds(box) and not box.meets_any(taken):
                self.names.append(box)
                return text_at(left, middle + SIZE * 0.36, name, kind="halo name")
        return None


def around(x: float, y: float, name: str) -> list[tuple[float, float]]:
    """The places next to a point: the left edge of the name and its middle line."""
    half = width(name) / 2
    sides = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (-1, -1), (1, 1), (-1, 1))
    return [(x - half + right * (half + (4 if down else 8)), y + down * (SIZE / 2 + 7)) for right, down in sides]


def across(rules: Sequence[Rule], plot: Frame, names: Names) -> list[Markup]:
    """Each rule with its name beside it: a level one's from the right, an upright one's from above."""
    box = plot.box
    rows = [box.top + SIZE / 2 + 5 + LINE * row for row in range(int((box.bottom - box.top) // LINE))]
    levels = [(rule, plot.y(rule.y)) for rule in rules if rule.y is not None and math.isfinite(rule.y)]
    uprights = [(rule, plot.x(rule.x)) for rule in rules if rule.x is not None and math.isfinite(rule.x)]
    names.rules += [Box(box.left, y, box.right, y) for _, y in levels]
    names.rules += [Box(x, box.top, x, box.bottom) for _, x in uprights]
    drawn = []
    for rule, y in levels:
        text = shortened(rule.label, box.right - box.left - 12)
        last = box.right - width(text) - 6
        lefts = [last - 24 * step for step in range(int((last - box.left) // 24) + 1)]
        positions = [(left, y + side) for left in lefts for side in (-9, 9)]
        drawn += [ruled(rule, f"M{box.left:.1f} {y:.1f}H{box.right:.1f}"), names.required(text, positions)]
    for rule, x in uprights:
        text = shortened(rule.label, box.right - box.left - 12)
        positions = [(left, middle) for middle in rows for left in (x + 4, x - 4 - width(text))]
        drawn += [ruled(rule, f"M{x:.1f} {box.bottom:.1f}V{box.top:.1f}"), names.required(text, positions)]
    return drawn


def ruled(rule: Rule, path: str) -> Markup:
    return tag("path", tag("title", rule.label), class_="rule", d=path)
