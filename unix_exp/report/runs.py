"""Finished runs, read from their folders; whatever else lies there is told apart and skipped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from unix_exp.config import Settings
from unix_exp.types import Mistake

RECORDS = ("result.json", "metrics.jsonl", "config.yaml")  # any of them makes a folder a run's
NEEDED = {
    "identity": str, "pair": str, "method": str, "seed": int, "dataset": str, "student": str,
    "last": dict, "best": dict, "cost": dict, "time": dict, "steps": int, "hardware": str,
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What a finished run left behind; its epochs are read when somebody asks."""

    path: Path
    settings: Settings
    result: dict[str, Any]

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        return lines_of(self.path / "metrics.jsonl")

    @cached_property
    def analysis(self) -> list[dict[str, Any]]:
        return lines_of(self.path / "analysis.jsonl")

    @property
    def top1(self) -> float:
        return self.result["last"]["top1"]

    @property
    def gflops(self) -> float:
        return self.result["cost"]["gflops"]["total_gflops"]


class Skipped(NamedTuple):
    path: Path
    why: str


def read(paths: Iterable[Path]) -> tuple[list[Run], list[Skipped]]:
    """All finished runs at or below some folders, each identity once, in an order that depends on them alone."""
    runs: dict[str, Run] = {}
    skipped = []
    for path in found(paths):
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
    if is_run(path):
        return [path]
    try:
        folders = sorted(entry.path for entry in os.scandir(path) if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []
    inside = {folder: below(Path(folder)) for folder in folders}
    if not any(inside.values()):
        return []
    return [run for folder, runs in inside.items() for run in runs or [Path(folder)]]


def is_run(path: Path) -> bool:
    return any((path / record).is_file() for record in RECORDS)


def read_run(path: Path) -> Run:
    if not is_run(path):
        raise Mistake("no run: it holds none of " + ", ".join(RECORDS))
    try:
        result = json.loads((path / "result.json").read_text())
    except FileNotFoundError:
        raise Mistake(unfinished(path)) from None
    except (OSError, ValueError) as error:
        raise Mistake(f"result.json is damaged: {error}") from None
    check(result)
    settings = result.get("settings") or read_settings(path / "config.yaml")
    try:
        complete = {"sampler", "criterion", "recipe", "dataset", "distiller", "student"} <= set(settings)
    except TypeError:
        complete = False
    if not complete:
        raise Mistake("its settings are damaged: neither result.json nor config.yaml holds them whole")
    return Run(path, settings, result)


def unfinished(path: Path) -> str:
    epochs = len(lines_of(path / "metrics.jsonl"))
    told = f"unfinished, {epochs} epochs recorded"
    try:
        why = (path / "failure.txt").read_text(errors="replace").strip().splitlines()
    except OSError:
        return told
    return f"{told}; it failed: {why[-1]}" if why else told


def check(result: Any) -> None:
    """Hold a result against what tables and figures rely on."""
    try:
        for key, kind in NEEDED.items():
            if not isinstance(result[key], kind):
                raise Mistake(f"result.json is damaged: {key} is {result[key]!r}")
        numbers = [
            result["last"]["top1"], result["last"]["top5"], result["best"]["top1"], result["time"]["train_seconds"],
            result["cost"]["gflops"]["total_gflops"], result["cost"]["gflops"]["total_gflops_backward_2"],
        ]  # fmt: skip
        if (share := result["cost"]["percent_of_kd"]) is not None:
            numbers += [share, result["cost"]["percent_of_kd_backward_2"]]
        if result["teacher"] is not None:
            numbers.append(result["teacher"]["top1"])
    except (KeyError, TypeError) as error:
        raise Mistake(f"result.json is damaged: {type(error).__name__} {error}") from None
    if not all(isinstance(number, (int, float)) for number in numbers):
        raise Mistake("result.json is damaged: not every figure in it is a number")


def read_settings(path: Path) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast where it is built in
    try:
        return yaml.load(path.read_text(), Loader=loader)
    except (OSError, ValueError, yaml.YAMLError):
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
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("epoch"), int):
            records.append(record)
    return records
