"""A table of a run's epochs, for spreadsheets and pandas."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any, ClassVar

from unix_exp.registry import sinks
from unix_exp.sinks.jsonl import lines_before
from unix_exp.sinks.mirror import Mirror
from unix_exp.sinks.sink import RunInfo
from unix_exp.types import Record


@sinks.register("csv")
class Csv(Mirror):
    """metrics.csv in the run's folder: a row for each epoch, a column for each value of metrics.jsonl."""

    title: ClassVar[str] = "CSV"

    def __init__(self, run: RunInfo) -> None:
        super().__init__(run)
        self.path = run.folder / "metrics.csv"
        self.columns = ["epoch"]
        self.rows: list[dict[str, Any]] = []
        self.guarded(self.begin, run.folder)

    def begin(self, folder: Path) -> None:
        self.rows = lines_before(folder)  # a continued run's, so that no epoch is missing or there twice
        self.write()

    def __call__(self, record: Record) -> None:
        self.rows.append({"epoch": record.epoch, **record.values})
        self.guarded(self.add)

    def add(self) -> None:
        """A row at the end; where it has values that no row had before it, such as the first accuracy, all again."""
        if set(self.rows[-1]) - set(self.columns):
            self.write()
            return
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(self.rows[-1])

    def write(self) -> None:
        self.columns = list(dict.fromkeys(["epoch", *(key for row in self.rows for key in row)]))
        part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        with part.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(self.rows)
        part.replace(self.path)
