"""The console: one aligned line per epoch, and on a terminal the epoch's progress with the time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from unix_exp.types import Record
from unix_exp.words import duration

Column: TypeAlias = "tuple[str, int, Callable[[Mapping[str, float]], str]]"  # title, width, value of a record

BY_HOST = 5e-6  # seconds an image: less is the host working between two steps, visible beside short captured steps
WAITED = 20  # per cent of an epoch spent waiting for images; above it a line says so


def columns(judged_on: str) -> tuple[Column, ...]:
    return (
        ("loss", 9, lambda values: f"{values['train/loss']:.4f}"),
        (f"{judged_on} %", 7, lambda values: percent(values.get(f"{judged_on}/top1"))),
        ("top-5 %", 8, lambda values: percent(values.get(f"{judged_on}/top5"))),
        ("GFLOPs", 11, lambda values: f"{values['cost/total_gflops']:,.0f}"),
        ("vs KD %", 8, lambda values: percent(values.get("cost/percent_of_kd"))),
        ("img/s", 8, lambda values: f"{values['time/images_per_second']:,.0f}"),
    )


def percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


class Console:
    """Lines for a run; `watch` shows progress on a terminal and nothing in a pipe."""

    def __init__(self, epochs: int, judged_on: str = "test") -> None:
        self.epochs = epochs
        self.columns = columns(judged_on)  # "val": its epochs are evaluated on validation images
        # A notebook sets FORCE_COLOR for the processes that it starts, and what it shows cannot be drawn over.
        terminal = None if sys.stdout.isatty() else False
        self.rich = RichConsole(highlight=False, soft_wrap=True, force_terminal=terminal, force_jupyter=False)
        self.titled = self.warned = False
        self.left = ""  # time left of the whole run, known after one epoch
        self.since = time.monotonic()

    @property
    def width(self) -> int:
        return max(5, len(f"{self.epochs}/{self.epochs}"))

    def say(self, line: str) -> None:
        self.rich.print(line, markup=False)

    def __call__(self, record: Record) -> None:
        if not self.titled:
            self.say("epoch".rjust(self.width) + "".join(title.rjust(width) for title, width, _ in self.columns))
            self.titled = True
        cells = "".join(cell(record.values).rjust(width) for _, width, cell in self.columns)
        self.say(f"{record.epoch}/{self.epochs}".rjust(self.width) + cells)
        waited = record.values["time/waited_for_images_percent"]
        if waited > WAITED and waited / 100 / record.values["time/images_per_second"] > BY_HOST and not self.warned:
            self.say(f"{waited:.0f} % of this epoch was spent waiting for images; if they are read from the disk, "
                     "raise dataset.workers or use smaller files")  # fmt: skip
            self.warned = True
        sys.stdout.flush()  # so that the reader of a pipe sees each epoch as it ends
        now = time.monotonic()
        self.left = f" (run {duration((self.epochs - record.epoch) * (now - self.since))} left)"
        self.since = now

    def watch(self, things: Iterable[Any], label: str, total: int) -> Iterator[Any]:
        if not self.rich.is_terminal:
            yield from things
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self.rich, transient=True) as progress:
            yield from progress.track(things, total=total, description=label + self.left)
