"""Where a run's records also go, beside its own files: chosen with logger=NAME."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from unix_exp.registry import check_settings, sinks
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


class Sink(Protocol):
    """Constructed with its settings and run=RunInfo; an error that it does not catch ends the run."""

    def __call__(self, record: Record) -> None:
        """Take the record of an epoch."""

    def summarise(self, result: dict[str, Any]) -> None:
        """Take the result of a finished run."""

    def close(self, failed: bool) -> None:
        """The run is over."""


def check(settings: dict[str, Any]) -> None:
    """Check the settings of a logger before anything is trained."""
    name, own = parts(settings)
    check_settings(sinks[name], name, own, given=sinks.supplied, role="logger")


@contextmanager
def opened(settings: dict[str, Any], run: RunInfo) -> Iterator[Sink]:
    name, own = parts(settings)
    sink: Sink = sinks.make(name, own, role="logger", run=run)
    try:
        yield sink
    except BaseException:
        sink.close(failed=True)
        raise
    sink.close(failed=False)


def parts(settings: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    own = dict(settings)
    return str(own.pop("name", None)), own
