"""Run folders on the disk, and the one that a word means."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from unix_exp.run.record import FILES
from unix_exp.runs.entry import ENDING, Entry
from unix_exp.types import Mistake
from unix_exp.words import listed, nearest

MARKS = frozenset((*FILES, "failure.txt"))  # a folder that holds any of them is a run's
RUNS, TEACHERS = Path("runs"), Path("teachers")
GOING = ".removing"  # the ending of a hidden folder on its way out: if the removal is interrupted, no half run is left
FEW = 300  # names that the nearest one is looked for among


def entries(folders: Iterable[Path], going: list[Path] | None = None) -> Iterator[Entry]:
    """The runs at or below some folders; links are not followed. `going` takes what interrupted removals left."""
    for folder in folders:
        if not folder.is_dir():
            raise Mistake(f"there is no folder {folder}; name the folder of the runs with --in DIR")
        yield from below(folder, going)


def below(folder: Path, going: list[Path] | None = None) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as found:
            inside = sorted((one.name, one.is_dir(follow_symlinks=False)) for one in found)
    except OSError:
        return
    names = frozenset(name for name, _ in inside)
    if names & MARKS:
        yield Entry(folder, names)
        return
    for name, is_folder in inside:
        if is_folder and not name.startswith("."):
            yield from below(folder / name, going)
        elif is_folder and going is not None and is_going(folder / name):
            going.append(folder / name)


def is_going(path: Path) -> bool:
    """Whether an interrupted removal left it: by the name that it had, or by what it still holds."""
    if not path.name.endswith(GOING):
        return False
    return ENDING.fullmatch(name_before(path)) is not None or entry_at(path) is not None


def name_before(path: Path) -> str:
    return path.name.removeprefix(".").removesuffix(GOING)


def entry_at(path: Path) -> Entry | None:
    """The run whose folder this is."""
    try:
        names = frozenset(os.listdir(path))
    except OSError:
        return None
    return Entry(path, names) if names & MARKS else None


def named(word: str, folders: Sequence[Path] = ()) -> Entry:
    """The run that a word means: its folder, or a part of its name; those of `teachers` after all others."""
    path = Path(word).expanduser()
    if (found := entry_at(path)) is not None:
        return found
    if path.is_dir() and os.sep in word:
        raise Mistake(f"{word} is not a run's folder: it holds none of {', '.join(sorted(MARKS))}")
    searched = [[one] for one in folders] if folders else [[one] for one in (RUNS, TEACHERS) if one.is_dir()]
    known: list[Entry] = []
    for some in searched:
        here = list(entries(some))
        fitting = fitting_best(word, here)
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            candidates = listed([one.name for one in fitting], 4)
            raise Mistake(f"'{word}' could be any of {len(fitting)} runs: {candidates}; give more of the name")
        known += here
    where = " and ".join(str(one) for some in searched for one in some) or "runs, which does not exist"
    names = [one.name for one in known]
    hint = nearest(word, names) if names and len(names) <= FEW else ""
    close = hint if hint.startswith("did you mean") else "python -m unix_exp.runs list shows what there is"
    raise Mistake(f"no run in {where} is called like '{word}'; {close}")


def fitting_best(word: str, known: Sequence[Entry]) -> list[Entry]:
    """A whole name before the beginning of an identity, and that before any part of a name."""
    for fits in (
        lambda one: word in (one.path.name, one.path.name.rpartition("-")[2]),
        lambda one: one.path.name.rpartition("-")[2].startswith(word),
        lambda one: word in one.path.name,
        lambda one: bool(one.identity) and one.identity.startswith(word),  # of a folder that was renamed
    ):
        if found := [one for one in known if fits(one)]:
            return found
    return []
