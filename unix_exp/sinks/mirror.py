"""A copy of a run's records, whose failure never ends the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from unix_exp.sinks.sink import RunInfo
from unix_exp.words import first_line


class Mirror:
    """A sink whose failure never ends a run: after one it takes no more."""

    title: ClassVar[str]
    stopped = False

    def __init__(self, run: RunInfo) -> None:
        self.say = run.say

    def guarded(self, act: Callable[..., Any], *arguments: Any) -> None:
        if self.stopped:
            return
        try:
            act(*arguments)
        except Exception as error:
            self.stopped = True
            self.say(stopped(self.title, error))

    def summarise(self, result: dict[str, Any]) -> None:
        pass

    def close(self, failed: bool) -> None:
        pass


def stopped(title: str, error: Exception) -> str:
    return f"{title} stopped ({first_line(error)}); the run goes on without it, its records are in its folder"
