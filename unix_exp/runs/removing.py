"""Runs removed, whole and for good: only what is a run's folder, and none that a process is at work in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

from unix_exp.run.record import check_settings
from unix_exp.runs.entry import ENDING, RUNNING, Entry, mapping
from unix_exp.runs.finding import GOING, below, entries, is_going, name_before
from unix_exp.types import Mistake
from unix_exp.words import counted, listed


class Size(NamedTuple):
    files: int
    bytes: int


def checked(run: Entry) -> None:
    """What must not be removed is a mistake."""
    path = run.path
    if path.is_symlink():
        raise Mistake(f"{path} is a link, and links are not followed; remove the link yourself")
    if (link := link_in(path)) is not None:
        raise Mistake(f"{link} is a link, and links are not followed; the run is {path.resolve()}: remove it by that")
    if not is_surely_a_run(run):
        raise Mistake(f"{path} does not look like a run's folder: its records are no run's; remove it yourself")
    whole = path.resolve()
    if whole in (here := Path.cwd().resolve(), *here.parents):
        raise Mistake(f"{path} holds the folder that you are in; remove it from elsewhere")
    if inner := [one.path for name in sorted(run.names) if is_folder(path / name) for one in below(path / name)]:
        raise Mistake(f"{path} holds other runs, such as {inner[0]}; move them away first")
    if ".git" in run.names:
        raise Mistake(f"{path} is a repository; remove it yourself")


def link_in(path: Path) -> Path | None:
    """The first folder above the run that is a link, of those that its path names.

    What stands directly below the root may be one: the system made it, as /tmp on some.
    """
    of_the_system = Path(*path.parts[:2]) if path.is_absolute() else None
    return next((one for one in reversed(path.parents) if one != of_the_system and one.is_symlink()), None)


def is_surely_a_run(run: Entry) -> bool:
    """A file called config.yaml alone makes no run: a project of any kind may have one."""
    named = ENDING.fullmatch(run.path.name) is not None
    recorded = bool(mapping(run.result.get("cost"))) and bool(run.identity)
    configured = bool(run.settings) and check_settings(run.settings) is None
    return recorded or configured or (named and ".lock" in run.names)


def is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def size_of(path: Path) -> Size:
    files = total = 0
    for folder, _, names in os.walk(path):  # links are not followed
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
            files += 1
    return Size(files, total)


def users_of(teachers: Sequence[Entry], others: Sequence[Entry]) -> Iterator[tuple[Entry, list[Entry]]]:
    """Of each teacher the runs that it taught, by their records."""
    for teacher in teachers:
        yield teacher, [one for one in others if teacher.identity and teacher.identity in networks_of(one)]


def networks_of(run: Entry) -> set[str]:
    """The identities of what it was trained with."""
    return {str(mapping(one).get("identity")) for one in mapping(run.result.get("networks")).values()}


def remove(runs: Sequence[Entry]) -> None:
    """All or none, unless the disk fails: each is locked first, so that no process begins to work in it meanwhile."""
    from filelock import FileLock, Timeout  # it takes a while to import

    with ExitStack() as held:
        for run in runs:
            try:
                held.enter_context(FileLock(run.path / ".lock").acquire(blocking=False))
            except Timeout:
                raise Mistake(refusal([run])) from None
            except OSError as error:
                raise Mistake(f"cannot write to {run.path}: {error.strerror or error}; nothing was removed") from None
        for run in runs:
            take_away(run.path)


def end_interrupted(words: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """Remove what removals that did not end left of the runs in some folders, and of those named by a path."""
    going: list[Path] = []
    for _ in entries([one for one in folders if one.is_dir()], going):
        pass
    named = [Path(word).expanduser() for word in words if os.sep in word and Path(word).name]
    going += [one for path in named if is_folder(one := hidden_of(path)) and is_going(one)]
    return [finish(one) for one in {one.resolve(): one for one in going}.values()]


def finish(hidden: Path) -> str:
    """The name that the run had; that it goes was agreed to."""
    if not hidden.is_symlink():
        shutil.rmtree(hidden, ignore_errors=True)  # another process may be removing it, too
    if hidden.exists():
        raise Mistake(f"cannot remove all of {hidden}, which an interrupted removal left; remove it yourself")
    return name_before(hidden)


def hidden_of(path: Path) -> Path:
    return path.with_name(f".{path.name}{GOING}")


def take_away(path: Path) -> None:
    hidden = hidden_of(path)
    if hidden.exists():
        finish(hidden)
    try:
        path.rename(hidden)
        shutil.rmtree(hidden)
    except OSError as error:
        raise Mistake(f"cannot remove {error.filename or path}: {error.strerror or error}") from None


def refusal(running: Sequence[Entry]) -> str:
    names = listed([one.name for one in running], 3)
    what = "it" if len(running) == 1 else "them"
    return f"{counted(len(running), 'run')} being trained now: {names}; stop {what} first, or wait"


def refuse_running(runs: Sequence[Entry]) -> None:
    if running := [one for one in runs if one.state == RUNNING]:
        raise Mistake(refusal(running))
