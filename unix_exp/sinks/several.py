"""Where a run's records also go, beside its own files: logger=NAME, or several with 'logger=[NAME,NAME]'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from unix_exp.ranges import parameters_of, shown
from unix_exp.registry import check_settings, sinks
from unix_exp.sinks.sink import Left, RunInfo, Sink
from unix_exp.types import Mistake, Record
from unix_exp.words import listed, nearest


def chosen(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The settings of each sink that is chosen, by its name.

    They lie flat beside the names, `{"wandb": true, "csv": true, "project": ...}`, and each sink takes those that it
    has. A plug-in's own choice, and older records, have one sink alone: `{"name": "mine", ...}`.
    """
    names = {key: on for key, on in settings.items() if key in sinks.names()}
    if "name" in settings:
        names[str(settings["name"])] = True
    if not names:
        raise Mistake("logger is not chosen; give logger=NAME")
    for name, on in names.items():
        if not isinstance(on, bool):
            raise Mistake(f"logger.{name} is {shown(on)}; it must be true or false")
    own = {key: value for key, value in settings.items() if key != "name" and key not in names}
    if len(names) == 1:
        return {name: own for name, on in names.items() if on}
    known = {name: set(parameters_of(sinks[name])) - sinks.supplied for name in names}
    every = set().union(*known.values())
    for key in own:
        if key not in every:
            raise Mistake(f"none of the loggers {listed(sorted(names))} has a setting '{key}'; {nearest(key, every)}")
    return {name: {key: own[key] for key in own if key in known[name]} for name, on in names.items() if on}


def check(settings: dict[str, Any]) -> None:
    """Check the settings of a logger before anything is trained."""
    for name, own in chosen(settings).items():
        check_settings(sinks[name], name, own, given=sinks.supplied, role="logger")
        package, extra = getattr(sinks[name], "needs", (None, None))
        if package is not None and find_spec(package) is None:
            raise Mistake(f"logger '{name}' needs the package {package}; pip install 'unix_exp[{extra}]'")


class Several:
    """All the sinks of a run as one."""

    def __init__(self) -> None:
        self.sinks: list[Sink] = []

    def __call__(self, record: Record) -> None:
        for one in self.sinks:
            one(record)

    def summarise(self, result: dict[str, Any]) -> None:
        for one in self.sinks:
            one.summarise(result)

    def finished(self, left: Callable[[], Left]) -> None:
        for one in self.sinks:
            if hasattr(one, "finished"):
                one.finished(left)

    def close(self, failed: bool) -> None:
        """All are told, whatever one of them raises."""
        while self.sinks:
            one = self.sinks.pop(0)
            try:
                one.close(failed)
            except BaseException:
                self.close(failed=True)
                raise


@contextmanager
def opened(settings: dict[str, Any], run: RunInfo) -> Iterator[Several]:
    all_of_them = Several()
    try:
        for name, own in chosen(settings).items():
            all_of_them.sinks.append(sinks.make(name, own, role="logger", run=run))
        yield all_of_them
    except BaseException:
        all_of_them.close(failed=True)
        raise
    all_of_them.close(failed=False)
