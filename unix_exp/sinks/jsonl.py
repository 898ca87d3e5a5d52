"""The run's own records, which everything else is made from."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from unix_exp.types import Record


class Jsonl:
    """One line of JSON per epoch: the record that reports are made from."""

    def __init__(self, path: Path, part: Literal["values", "arrays"] = "values") -> None:
        self.path = path
        self.part = part

    def __call__(self, record: Record) -> None:
        with self.path.open("a") as file:
            file.write(line_of(record, self.part))
            file.flush()
            os.fsync(file.fileno())  # on the disk before the checkpoint, which relies on it


def lines_before(folder: Path) -> list[dict[str, Any]]:
    """The epochs that a continued run has recorded before, for sinks that are written anew."""
    path = folder / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def line_of(record: Record, part: str) -> str:
    return json.dumps({"epoch": record.epoch, **getattr(record, part)}) + "\n"
