"""What a sink is, what it can know of its run, and what a finished run leaves for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from unix_exp.types import Record


class RunInfo(NamedTuple):
    """What a sink can know of its run."""

    folder: Path
    identity: str
    name: str
    group: str  # the same for runs that differ in the seed alone
    tags: tuple[str, ...]
    config: dict[str, Any]
    is_teacher: bool  # trained for another run
    say: Callable[[str], None]  # print a line at the console


class OfClass(NamedTuple):
    name: str
    accuracy: float | None  # per cent of its test images; None where it has none
    drawn: int  # how often one of its images was trained on, in all epochs


class Picture(NamedTuple):
    caption: str
    content: bytes  # a PNG or JPEG file


class Left(NamedTuple):
    """What a finished run leaves beside its records; the lists are empty where the run was not analysed."""

    weights: Path
    classes: list[OfClass]
    mixed: list[Picture]


class Sink(Protocol):
    """Constructed with its settings and run=RunInfo; an error that it does not catch ends the run.

    A sink may also have

        needs: ClassVar[tuple[str, str]]           a package that it imports, and the extra of setup.cfg that brings it
        finished(left: Callable[[], Left])         after summarise: what the run leaves, made if it is called
    """

    def __call__(self, record: Record) -> None:
        """Take the record of an epoch."""

    def summarise(self, result: dict[str, Any]) -> None:
        """Take the result of a finished run."""

    def close(self, failed: bool) -> None:
        """The run is over."""
