"""One target after another: inputs from a seed, each read in a process that may crash or hang, and counted."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import random
import select
import shutil
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from unix_exp.types import Mistake

FINE, REFUSED = "fine", "refused in one line"
PATIENCE = 60.0  # seconds for one input; a reader that takes longer hangs


class Target(Protocol):
    """A reader, and the inputs that it is given."""

    name: str

    def make(self, draw: random.Random, folder: Path) -> None:
        """Write one input into an empty folder; the same `draw` makes the same."""
        ...

    def read(self, folder: Path) -> str:
        """Give it to the reader: FINE or REFUSED; raise whatever the reader raises, and AssertionError for lies."""
        ...


@dataclass
class Counts:
    """What became of the inputs of one target."""

    tried: int = 0
    fine: int = 0
    refused: int = 0
    failed: int = 0
    kinds: dict[str, Path] = field(default_factory=dict)  # by kind of failure, the first input that shows it

    def add(self, verdict: str, folder: Path) -> None:
        self.tried += 1
        if verdict == FINE:
            self.fine += 1
        elif verdict == REFUSED:
            self.refused += 1
        else:
            self.failed += 1
            if verdict in self.kinds:
                shutil.rmtree(folder, ignore_errors=True)
            self.kinds.setdefault(verdict, folder)


def targets() -> dict[str, Target]:
    """By name; every module beside this one that has a TARGET."""
    package = __name__.rpartition(".")[0]
    found = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name != "__main__":
            target = getattr(importlib.import_module(f"{package}.{module.name}"), "TARGET", None)
            if target is not None:
                found[target.name] = target
    return found


def fuzz(target: Target, seconds: float, seed: int, kept: Path, patience: float = PATIENCE) -> Counts:
    """Read inputs for so long; a process that crashes or hangs is replaced, and its input is a failure."""
    counts = Counts()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            os.close(reading)
            in_child(target, seed, counts.tried, until, kept, writing)
        os.close(writing)
        try:
            follow(reading, child, counts, lambda number: place(kept, target, seed, number), patience)
        finally:
            os.close(reading)
    return counts


def follow(reading: int, child: int, counts: Counts, folder_of, patience: float) -> None:  # type: ignore[no-untyped-def]
    """Take a child's verdicts, one a line, until it ends or says nothing for too long."""
    buffer, hung = b"", False
    while True:
        if not select.select([reading], [], [], patience)[0]:
            os.kill(child, signal.SIGKILL)
            hung = True
        block = os.read(reading, 1 << 16)
        if not block:
            break
        *lines, buffer = (buffer + block).split(b"\n")
        for line in lines:
            counts.add(json.loads(line), folder_of(counts.tried))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status):
        why = f"nothing for {patience:g} s" if hung else f"its process ended with status {status}"
        counts.add(why, folder_of(counts.tried))


def in_child(target: Target, seed: int, first: int, until: float, kept: Path, writing: int) -> None:
    """Read one input after another, and never return."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    try:
        number = first
        while time.monotonic() < until:
            folder = place(kept, target, seed, number)
            verdict = one(target, seed, number, folder)
            if verdict in (FINE, REFUSED):
                shutil.rmtree(folder, ignore_errors=True)
            os.write(writing, json.dumps(verdict).encode() + b"\n")
            number += 1
        os._exit(0)
    except BaseException:
        os._exit(3)


def place(kept: Path, target: Target, seed: int, number: int) -> Path:
    return kept / f"{target.name}-{seed}-{number}"


def make(target: Target, seed: int, number: int, folder: Path) -> None:
    """The files of one input, which its number says all about."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    target.make(random.Random(f"{target.name} {seed} {number}"), folder)


def one(target: Target, seed: int, number: int, folder: Path) -> str:
    """What becomes of one input: FINE, REFUSED, or the kind of its failure."""
    make(target, seed, number, folder)
    here = Path.cwd()
    try:
        return target.read(folder)
    except Mistake as mistake:
        return REFUSED if str(mistake).strip() else "a mistake without words"
    except (Exception, SystemExit) as error:
        return kind_of(error)
    finally:
        os.chdir(here)


def kind_of(error: BaseException) -> str:
    """Alike for failures that are the same bug: the error's type, and the last line of the package that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "unix_exp" in Path(frame.filename).parts] or frames
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "nowhere"
    said = str(error).strip().splitlines()[:1]
    return f"{type(error).__name__} at {where}: {said[0][:100] if said else ''}"


def show(target: Target, folder: Path) -> str:
    """Read a kept input again, with its traceback."""
    here = Path.cwd()
    try:
        return target.read(folder.resolve())
    except Mistake as mistake:
        return f"{REFUSED}: {mistake}"
    except Exception:
        traceback.print_exc(file=sys.stdout)
        return "failed"
    finally:
        os.chdir(here)
