"""What a probe may return beside numbers: curves or points, which the report draws; a series is two lists, x and y."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Series = Mapping[str, tuple[Sequence[float], Sequence[float | None]]]


def curves(x_title: str, y_title: str, series: Series) -> dict[str, Any]:
    return picture("lines", x_title, y_title, series)


def points(x_title: str, y_title: str, series: Series) -> dict[str, Any]:
    return picture("points", x_title, y_title, series)


def picture(kind: str, x_title: str, y_title: str, series: Series) -> dict[str, Any]:
    drawn = {name: [list(xs), list(ys)] for name, (xs, ys) in series.items()}
    return {"draw": kind, "x_title": x_title, "y_title": y_title, "series": drawn}
