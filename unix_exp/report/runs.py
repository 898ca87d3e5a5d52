"""Finished runs, read from their folders; whatever else lies there is told apart and skipped."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

from unix_exp.config import Settings
from unix_exp.types import Mistake
from unix_exp.words import first_line

Shape: TypeAlias = "dict[str, type | Shape]"

RECORDS = ("result.json", "metrics.jsonl", "config.yaml")  # any of them makes a folder a run's

# What tables and figures rely on; held against every run once, when it is read.
RESULT: Shape = {
    "identity": str, "pair": str, "method": str, "seed": int, "dataset": str, "student": str, "hardware": str,
    "last": {"top1": float, "top5": float}, "best": {"top1": float}, "time": {"train_seconds": float}, "steps": int,
    "cost": {"gflops": {"total_gflops": float, "total_gflops_backward_2": float}},
}  # fmt: skip
TEACHER: Shape = {
    "teacher": {"name": str, "identity": str, "top1": float},
    "cost": {"percent_of_kd": float, "percent_of_kd_backward_2": float},
}
SETTINGS: Shape = {
    "student": {"name": str}, "dataset": {"name": str}, "distiller": {"name": str}, "sampler": {"name": str},
    "recipe": {"epochs": int, "batch": int, "lr": float}, "criterion": {},
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What a finished run left behind; its epochs are read when somebody asks."""

    path: Path
    settings: Settings
    result: dict[str, Any]

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """Its records, with the numbers in them that are numbers."""
        return [{key: value for key, value in line.items() if finite(value)} for line in self._lines("metrics.jsonl")]

    @cached_property
    def analysis(self) -> list[dict[str, Any]]:
        """The arrays of every epoch by class; nothing where an epoch is missing, for half a training is another one."""
        lines = [line for line in self._lines("analysis.jsonl") if counts_of_classes(line)]
        return lines if len(lines) == self.settings["recipe"]["epochs"] else []

    def _lines(self, name: str) -> list[dict[str, Any]]:
        return lines_of(self.path / name)

    @property
    def top1(self) -> float:
        return self.result["last"]["top1"]

    @property
    def gflops(self) -> float:
        return self.result["cost"]["gflops"]["total_gflops"]


class Skipped(NamedTuple):
    path: Path
    why: str


def read(paths: Iterable[Path], out: Path | None = None) -> tuple[list[Run], list[Skipped]]:
    """All finished runs at or below some folders, each identity once, in an order that depends on them alone.

    `out` is where a report goes, which is nobody's run.
    """
    runs: dict[str, Run] = {}
    skipped = []
    for path in found(paths):
        if out is not None and path.resolve() == out.resolve():
            continue
        try:
            run = read_run(path)
        except Mistake as mistake:
            skipped.append(Skipped(path, str(mistake)))
            continue
        first = runs.setdefault(run.result["identity"], run)
        if first is not run:
            skipped.append(Skipped(path, f"the same run as {first.path}"))
    return sorted(runs.values(), key=lambda run: (run.result["pair"], run.path.name)), skipped


def found(paths: Iterable[Path]) -> Iterator[Path]:
    """Run folders, and folders in which there is nothing of a run."""
    for path in paths:
        if not path.is_dir():
            raise Mistake(f"{path} is no folder; give run folders, or folders that hold them, such as runs")
        yield from below(path) or [path]


def below(path: Path) -> list[Path]:
    """Links are not followed: they lead in circles, or to runs that are there anyway."""
    if is_run(path):
        return [path]
    try:
        with os.scandir(path) as entries:
            folders = sorted(
                entry.path for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name[0] != "."
            )
    except OSError:
        return []
    inside = {folder: below(Path(folder)) for folder in folders}
    if not any(inside.values()):
        return []
    return [run for folder, runs in inside.items() for run in runs or [Path(folder)]]


def is_run(path: Path) -> bool:
    return any(os.path.isfile(path / record) for record in RECORDS)  # False where it may not be looked at


def read_run(path: Path) -> Run:
    if not is_run(path):
        raise Mistake("no run: it holds none of " + ", ".join(RECORDS))
    try:
        result = json.loads((path / "result.json").read_text())
    except FileNotFoundError:
        raise Mistake(unfinished(path)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise Mistake(f"result.json is damaged: {first_line(error)}") from None
    told = fault(result, RESULT) or (fault(result, TEACHER) if result.get("teacher") is not None else None)
    if told:
        raise Mistake(f"result.json is damaged: {told}")
    result.setdefault("teacher", None)
    settings = result.get("settings") or read_settings(path / "config.yaml")
    if told := fault(settings, SETTINGS):
        raise Mistake(f"its settings are damaged: {told}")
    if not isinstance(settings.setdefault("runtime", {}), dict):
        raise Mistake("its settings are damaged: runtime is no group")
    return Run(path, settings, result)


def fault(value: Any, shape: Shape, name: str = "it") -> str | None:
    """What of a value isn't as it should be, in words."""
    if not isinstance(value, dict):
        return f"{name} is {str(value)[:40]!r}"
    for key, kind in shape.items():
        if key not in value:
            return f"there is no {key} in {name}"
        if isinstance(kind, dict):
            if told := fault(value[key], kind, key):
                return told
        elif not (finite(value[key]) if kind is float else isinstance(value[key], kind)):
            return f"{key} is {str(value[key])[:40]!r}"
    return None


def finite(value: Any) -> bool:
    try:
        return isinstance(value, (int, float)) and math.isfinite(value)
    except OverflowError:
        return False  # a whole number beyond all floats


def counts_of_classes(line: dict[str, Any]) -> bool:
    """Whether an epoch tells of its classes what figures need: numbers, as many of both as there are classes."""
    drawn, accuracy = line.get("drawn_per_class"), line.get("accuracy_per_class", [])
    if not isinstance(drawn, list) or not isinstance(accuracy, list) or not all(map(finite, drawn)):
        return False
    return len(accuracy) in (0, len(drawn)) and all(one is None or finite(one) for one in accuracy)


def unfinished(path: Path) -> str:
    epochs = len(lines_of(path / "metrics.jsonl"))
    told = f"unfinished, {epochs} epochs recorded"
    try:
        why = (path / "failure.txt").read_text(errors="replace").strip().splitlines()
    except OSError:
        return told
    return f"{told}; it failed: {why[-1]}" if why else told


def read_settings(path: Path) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is built in
    try:
        return yaml.load(path.read_text(), Loader=loader)
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return None


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The records of a file; a line that a kill cut short is left out."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return []
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and isinstance(record.get("epoch"), int):
            records.append(record)
    return records
