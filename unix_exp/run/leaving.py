"""What a finished run leaves beside its records, for sinks that take it."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

from unix_exp.run.folder import RunFolder
from unix_exp.run.foreign import json_of, parsed, text_of
from unix_exp.sinks.sink import Left, OfClass, Picture
from unix_exp.types import Dataset


def left_by(folder: RunFolder, data: Dataset, result: dict[str, Any]) -> Left:
    """Read from its folder, so that a run that is finished after a kill leaves the same."""
    analysed = folder.analysis.name in result["files"]  # an older file may lie there
    lines = [parsed(line) for line in text_of(folder.analysis).splitlines()] if analysed else []
    looks = json_of(folder.looks) if folder.looks.name in result["files"] else {}
    return Left(folder.weights, of_classes(lines, data, result), [picture(one) for one in looks.get("mixed", [])])


def of_classes(lines: list[dict[str, Any]], data: Dataset, result: dict[str, Any]) -> list[OfClass]:
    if not lines:
        return []
    drawn: Counter[int] = Counter()
    for line in lines:
        drawn.update(dict(enumerate(line["drawn_per_class"])))
    # With validation images those of the epochs are of these images, and the run's own are in its result.
    accuracies = result.get("test_per_class") or lines[-1]["accuracy_per_class"]
    return [OfClass(str(data.classes[label]), one, drawn[label]) for label, one in enumerate(accuracies)]


def picture(mixed: dict[str, Any]) -> Picture:
    shares = (f"{100 * share:.0f} % {name}" for name, share in zip(mixed["names"], mixed["shares"], strict=True))
    return Picture(", ".join(shares), base64.b64decode(mixed["picture"]))
