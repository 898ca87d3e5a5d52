"""Where a run's records also go, beside its own files: logger=NAME, or several with 'logger=[NAME,NAME]'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

from unix_exp.ranges import parameters_of, shown
from unix_exp.registry import check_settings, sinks
from unix_exp.types import Mistake, Record
from unix_exp.words import first_line, listed, nearest


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


class Mirror:
    """A sink whose failure never ends a run: after one it takes no more."""

    title: ClassVar[str]

    def __init__(self, run: RunInfo) -> None:
        self.say, self.stopped = run.say, False

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
