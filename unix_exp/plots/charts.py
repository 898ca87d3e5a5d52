"""Charts, from plain numbers to SVG.

    scatter(points, x_title, y_title, title=..., fronts=(), rules=(), styles={})
        points: Point(x, y, series, label="", error=None, published=False, named=False, about={})
        fronts: Front(label, points), steps through the best points for their cost;  rules: Rule(label, x=None, y=None)
    lines(series, x_title, y_title, title=..., rules=(), styles={})
        series: Line(label, xs, ys, low=(), high=(), dashed=None, like="", about={})
    heatmap(rows, x_title, y_title, scale_title, title=..., x_first=0, y_first=1, limits=None)
        rows[epoch][class]
    matrix(cells, columns, rows, x_title, y_title, scale_title, title=..., limits=None)
        cells[row][column], with the names of rows and columns
    standalone(chart)    the chart as a file of its own, with its style inside

Every title contains its unit. A value that is None or not finite is missing, never zero. `title` is read by screen
readers. `styles` gives series the style that they have in every chart of a report; others get one that is free.
"""

from __future__ import annotations

import re

from unix_exp.plots.curves import Line, lines
from unix_exp.plots.heatmap import heatmap
from unix_exp.plots.labels import Rule
from unix_exp.plots.markup import Markup, tag
from unix_exp.plots.matrix import matrix
from unix_exp.plots.scatter import Front, Point, scatter
from unix_exp.plots.style import CHART
from unix_exp.plots.svg import WIDTH

__all__ = ["Front", "Line", "Point", "Rule", "heatmap", "lines", "matrix", "scatter", "standalone"]


FOR_SCRIPT = ' data-(?:runs|mark|of|[xy]|[xy]-title)="[^"]*"'  # what only the page's script reads


def standalone(chart: str) -> str:
    """The chart as an .svg file, with a fixed size and its style inside."""
    height = chart.split('viewBox="', 1)[1].split('"', 1)[0].split()[-1]
    opening, rest = re.sub(FOR_SCRIPT, "", chart).split(">", 1)
    opening = opening.replace('width="100%"', f'width="{WIDTH:g}" height="{height}"')
    return f"{opening}>{tag('style', Markup(CHART))}{rest}\n"
