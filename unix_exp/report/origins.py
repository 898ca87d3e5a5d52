"""Where the figures come from, and how to get them again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from unix_exp.report.arms import Arm, Group
from unix_exp.report.blocks import Code, Table
from unix_exp.report.runs import Run


def origins(runs: Sequence[Run]) -> Table:
    """Runs and hours by machine and code."""
    by_place: dict[tuple[str, str, str, str], list[Run]] = {}
    for run in runs:
        by_place.setdefault(place_of(run.result), []).append(run)
    rows = [
        [*place, str(len(found)), f"{sum(run.result['time']['train_seconds'] for run in found) / 3600:.2f}"]
        for place, found in sorted(by_place.items())
    ]
    head = ["hardware", "Python", "PyTorch", "commit", "runs", "hours"]
    return Table(
        "Runs by machine and code, teachers included; hours of training, evaluation apart.",
        head,
        rows,
        "origins-table",
        texts=4,
    )


def place_of(result: dict[str, Any]) -> tuple[str, str, str, str]:
    versions = result.get("versions")
    versions = versions if isinstance(versions, dict) else {}
    commit = str(result.get("commit") or "unknown")
    short = commit[:12] + ("-dirty" if commit.endswith("-dirty") else "")
    return str(result["hardware"]), str(versions.get("python", "")), str(versions.get("torch", "")), short


def commands(group: Group) -> Code | None:
    """A line for each arm that makes all its runs again."""
    lines = [line for arm in group.arms for line in lines_of(arm)]
    if not lines:
        return None
    return Code(
        f"{group.title}: lines that make runs again, and their teacher where there is none yet.", "\n".join(lines)
    )


def lines_of(arm: Arm) -> list[str]:
    """One where the runs differ in their seeds alone, else one for each that knows its line; a comment before them."""
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


def words_of(line: Any) -> list[str] | None:
    """Of a command of ours; a record may hold anything, and the reader is going to run it."""
    try:
        words = shlex.split(line) if isinstance(line, str) else []
    except ValueError:
        return None
    ours = words[:3] == ["python", "-m", "unix_exp.train"]
    return words if ours and all(word.isprintable() for word in words) else None
