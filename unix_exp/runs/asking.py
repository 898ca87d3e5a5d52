"""Which runs a removal means, and whether it is agreed to."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from unix_exp.runs import finding, listing
from unix_exp.runs.entry import FAILED, Entry
from unix_exp.runs.filters import chosen, in_order
from unix_exp.runs.removing import size_of, users_of
from unix_exp.types import Mistake
from unix_exp.words import counted, listed, size_in_words


def meant(words: Sequence[str], folders: Sequence[Path], failed: bool, teachers: bool) -> list[Entry]:
    """Those that are named, and those that fit all filters; a teacher is meant by its path or with --teachers."""
    filters = [word for word in words if "=" in word and not os.path.isdir(word)]
    names = [word for word in words if word not in filters]
    filters += [f"status={FAILED}"] if failed else []
    if not words and not failed:
        raise Mistake("say which: runs by their names, filters such as method=kd, or --failed")
    if names and filters:
        raise Mistake("give runs by their names or filters that choose them, not both")
    where = list(folders) or [one for one in (finding.RUNS, *[finding.TEACHERS] * teachers) if one.is_dir()]
    if names:
        named = [of_name(word, folders, teachers) for word in names]
        found = list({one.path.resolve(): one for one in named}.values())  # each once
    else:
        found = [one for one in chosen(finding.entries(where), filters) if teachers or not one.made_a_teacher]
    if not found:
        raise Mistake(f"no run fits {' '.join(filters)}; nothing was removed")
    return in_order(found)


def of_name(word: str, folders: Sequence[Path], teachers: bool) -> Entry:
    run = finding.named(word, folders)
    by_path = Path(word).expanduser().is_dir()
    if run.made_a_teacher and not by_path and not teachers:
        raise Mistake(f"{run.path} is a teacher, which other runs may need; to remove it, give its path or --teachers")
    return run


def agreed(runs: Sequence[Entry], folders: Sequence[Path]) -> bool:
    """Show what goes, and ask; no answer is no."""
    print("\n".join(listing.table(runs, listing.terminal_width())))
    sizes = [size_of(one.path) for one in runs]
    for teacher, users in users_of([one for one in runs if one.made_a_teacher], runs_in(folders)):
        if users:
            names = listed([one.name for one in users], 3)
            print(f"\n{teacher.name} taught {counted(len(users), 'run')} here: {names}; what follows trains it again")
    total = f"{counted(sum(one.files for one in sizes), 'file')}, {size_in_words(sum(one.bytes for one in sizes))}"
    print(f"\nremove {'this run' if len(runs) == 1 else f'these {len(runs)} runs'} for good ({total})? [y/N] ", end="")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def runs_in(folders: Sequence[Path]) -> list[Entry]:
    return [one for folder in folders if folder.is_dir() for one in finding.entries([folder])]
