"""The machine, the code and the commands that the runs come from."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

from unix_exp.report.arms import Arm, Group
from unix_exp.report.blocks import Code, Table
from unix_exp.report.runs import Run
from unix_exp.run.commands import words_of


class Origin(NamedTuple):
    """A machine, and the versions of the code that ran on it."""

    hardware: str
    python: str
    torch: str
    commit: str


def origins(runs: Sequence[Run]) -> Table:
    """Runs and hours by machine and code."""
    by_origin: dict[Origin, list[Run]] = {}
    for run in runs:
        by_origin.setdefault(origin_of(run), []).append(run)
    rows = [
        [*origin, str(len(same)), f"{sum(run.result['time']['train_seconds'] for run in same) / 3600:.2f}"]
        for origin, same in sorted(by_origin.items())
    ]
    head = ["hardware", "Python", "PyTorch", "commit", "runs", "hours"]
    return Table(
        "Runs by machine and code, teachers included; hours of training, without evaluation.",
        head,
        rows,
        "origins-table",
        texts=4,
    )


def machine_of(run: Run) -> str:
    """Its hardware; older records say "1 threads"."""
    return re.sub(r"\b1 threads\b", "1 thread", run.result["hardware"])


def origin_of(run: Run) -> Origin:
    versions = run.result.get("versions", {})
    commit = run.result.get("commit") or "unknown"
    short = commit[:12] + ("-dirty" if commit.endswith("-dirty") else "")
    return Origin(machine_of(run), str(versions.get("python", "")), str(versions.get("torch", "")), short)


def commands(group: Group) -> Code | None:
    """The commands that repeat the runs of all arms."""
    lines = [line for arm in group.arms for line in lines_of(arm)]
    if not lines:
        return None
    return Code(
        f"{group.title}: commands that repeat the runs; a teacher that is missing is trained first.", "\n".join(lines)
    )


def lines_of(arm: Arm) -> list[str]:
    """A comment, then one command where runs differ in the seed alone, else one for each run that recorded its own."""
    known = [words for run in arm.runs if (words := words_of(run.result.get("command")))]
    if not known:
        return []
    label = " ".join(arm.label.split())
    if len(known) < len(arm.runs):
        label += f", {len(known)} of {len(arm.runs)} runs"
    seedless = [[word for word in words if not word.startswith("seed=")] for words in known]
    if len(known) > 1 and len(known) == len(arm.runs) and all(one == seedless[0] for one in seedless):
        seeds = ",".join(str(run.result["seed"]) for run in arm.runs)
        known = [[*seedless[0], f"seed={seeds}", "-m"]]
    return [f"# {label}", *map(shlex.join, known)]
