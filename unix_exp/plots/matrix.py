"""A heat map of named rows and columns, with its numbers written in it."""

from __future__ import annotations

from collections.abc import Sequence

from unix_exp.plots.heatmap import colour_bar
from unix_exp.plots.markup import Markup, tag
from unix_exp.plots.style import DARK_INK, LIGHT_INK, RAMP_LEVELS, contrast, ramp
from unix_exp.plots.svg import LINE, SIZE, WIDTH, Box, Value, drawing, finite, number, span, text_at, wrapped
from unix_exp.plots.svg import width as width_of

TALL = 34.0  # of a cell, in units


def matrix(
    cells: Sequence[Sequence[Value]], columns: Sequence[str], rows: Sequence[str],
    x_title: str, y_title: str, scale_title: str, *, title: str, limits: tuple[float, float] | None = None,
) -> Markup:  # fmt: skip
    """A shade and a number for every cell; the first row is the highest, and a missing cell is empty."""
    low, high = limits or span((value for row in cells for value in row), 0.0)
    heading = wrapped(y_title, WIDTH - 4)
    top = len(heading) * LINE + 8
    left = min(max(map(width_of, rows), default=0.0), WIDTH / 3) + 10
    wide = (WIDTH - 12 - left) / max(len(columns), 1)
    box = Box(left, top, WIDTH - 12, top + TALL * len(rows))
    drawn: list[object] = [
        text_at(0.0, SIZE, heading, kind="title"),
        tag("rect", class_="plot frame", x=round(box.left, 1), y=box.top, width=round(box.right - box.left, 1),
            height=box.bottom - box.top),
    ]  # fmt: skip
    for place, name in enumerate(rows):
        lines = wrapped(name, left - 10)
        middle = top + TALL * (place + 0.5) + SIZE * 0.36 - LINE * (len(lines) - 1) / 2
        drawn.append(text_at(left - 7, middle, lines, "end", "quiet"))
    names = [wrapped(name, wide - 4) for name in columns]
    for place, lines in enumerate(names):
        middle = left + wide * (place + 0.5)
        drawn.append(text_at(middle, box.bottom + 5 + SIZE, lines, "middle", "quiet"))
    colours = ramp()
    for row, (of_row, values) in enumerate(zip(rows, cells, strict=True)):
        for column, (of_column, value) in enumerate(zip(columns, values, strict=True)):
            if finite([value]) and value is not None:
                level = min(max(int((value - low) / (high - low) * RAMP_LEVELS), 0), RAMP_LEVELS - 1)
                x, y = left + wide * column, top + TALL * row
                ink = max((LIGHT_INK, DARK_INK), key=lambda one: contrast(one, colours[level]))
                drawn.append(tag(
                    "g", tag("title", f"{y_title} {of_row}, {x_title} {of_column}: {number(value)}"),
                    tag("rect", class_=f"mark-cells h{level}", x=round(x + 0.5, 1), y=y + 0.5,
                        width=round(wide - 1, 1), height=TALL - 1),
                    tag("text", f"{value:.1f}", x=round(x + wide / 2, 1), y=round(y + TALL / 2 + SIZE * 0.36, 1),
                        text_anchor="middle", style=f"fill:{ink}"),  # inline: stronger than the theme's colour
                ))  # fmt: skip
    below = box.bottom + 9 + SIZE + LINE * max(map(len, names), default=1)
    drawn.append(text_at((box.left + box.right) / 2, below, x_title, "middle", "title"))
    bar, height = colour_bar(low, high, scale_title, box, below + 10)
    known = finite(value for row in cells for value in row)
    description = f"{scale_title} by {y_title} and {x_title}: {len(known)} of {len(rows) * len(columns)} cells known"
    return drawing([*drawn, bar], below + 10 + height, title, f"{description}.")
