from __future__ import annotations

import os
from pathlib import Path

from unix_exp.folder import line_of
from unix_exp.types import Record


class Jsonl:
    """One line of JSON per epoch: the record that reports are made from."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, record: Record) -> None:
        with self.path.open("a") as file:
            file.write(line_of(record))
            file.flush()
            os.fsync(file.fileno())  # on the disk before the checkpoint that counts on it
