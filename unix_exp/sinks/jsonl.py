from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

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


def line_of(record: Record, part: str) -> str:
    return json.dumps({"epoch": record.epoch, **getattr(record, part)}) + "\n"
