"""Finished runs, read from their folders; a folder that cannot be read is skipped, and the report says why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.report.gaps import flaw_of_records
from unix_exp.report.page_of_run import page_name
from unix_exp.run.foreign import beside, json_of, parsed, text_of, yaml_of
from unix_exp.run.looks import NAME, Looks, looks_of
from unix_exp.run.record import FILES, Result, check, check_analysis, check_settings
from unix_exp.run.seal import verify
from unix_exp.run.shapes import all_finite, finite
from unix_exp.types import Mistake
from unix_exp.words import counted, first_line

FEW = 50  # runs, of which each is tried beside all before it; of more only alone


@dataclass(frozen=True)
class Run:
    """The records of a finished run; its epochs are read when they are first needed."""

    path: Path
    settings: Settings
    result: Result
    flaws: list[str] = field(default_factory=list)  # of the records that were read so far, in words

    @cached_property
    def page(self) -> str:
        """The name of the file that shows it alone, without .html."""
        return page_name(self.path, self.result["identity"])

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl by epoch, without values that are not finite numbers."""
        lines = self._lines("metrics.jsonl")
        return [line if all_finite([*line.values()]) else numbers_in(line) for line in lines]

    @cached_property
    def analysis(self) -> list[dict[str, Any]]:
        """Every epoch's arrays by class; empty where an epoch is missing, for its draws would be missing in the sum."""
        lines = [line for line in self._lines("analysis.jsonl") if check_analysis(line) is None]
        return lines if [line["epoch"] for line in lines] == list(range(1, self.planned_epochs + 1)) else []

    @cached_property
    def looks(self) -> Looks | None:
        """Confused classes, images often kept and left out, mixed images; None where none were recorded."""
        looks, flaw = looks_of(self.path, (self.result.get("files") or {}).get(NAME))
        self._flawed(flaw)
        return looks

    def _flawed(self, flaw: str | None) -> None:
        """Once, however often the records are read."""
        if flaw is not None and flaw not in self.flaws:
            self.flaws.append(flaw)

    def forget(self) -> None:
        """What was read when it was needed: that of a thousand runs would fill the memory."""
        for name in ("epochs", "analysis", "looks"):
            self.__dict__.pop(name, None)

    @property
    def planned_epochs(self) -> int:
        """Of all stages; older records have one, of the recipe's epochs."""
        stages = self.result.get("stages")
        return sum(stage["epochs"] for stage in stages) if stages else int(self.settings["recipe"]["epochs"])

    def _lines(self, name: str) -> list[dict[str, Any]]:
        """Each epoch once, as it was recorded last; what is wrong with the file is kept in words."""
        lines = lines_of(self.path / name)
        known = sum(stage["epochs"] for stage in self.result.get("stages") or [])  # 0 in older records
        self._flawed(flaw_of_records(self.path / name, lines, known, (self.result.get("files") or {}).get(name)))
        by_epoch = {line["epoch"]: line for line in lines}
        return [by_epoch[epoch] for epoch in sorted(by_epoch)]

    @property
    def top1(self) -> float:
        return self.result["last"]["top1"]

    @property
    def chose_on_validation(self) -> bool:
        """Whether its epoch is the best one on validation images, which `last` and `best` are then the test of."""
        return "val" in self.result

    @property
    def agreement(self) -> float | None:
        """With its teacher, in per cent of the images that its epochs were evaluated on; None where not measured."""
        return (self.result.get("val") or self.result["last"]).get("agreement")

    @property
    def gflops(self) -> float:
        return self.result["cost"]["gflops"]["total_gflops"]

    @property
    def made_a_teacher(self) -> bool:
        """Whether it was run to train a teacher for others."""
        return self.result["method"] == "teacher"

    @property
    def precisions(self) -> dict[str, Any]:
        """The arithmetic of the run; where they differ the scouting's, the teacher's and how little it is asked for."""
        runtime = self.settings.get("runtime") or {}
        own, names = runtime.get("precision"), ["scout_precision"]
        if self.result.get("teacher") is not None:
            names.append("teacher_precision")
        others = {name: runtime.get(name) for name in names}
        return {
            "precision": own,
            **{name: value for name, value in others.items() if value not in (None, own)},
            **(config.teacher_asked(self.settings) if self.result.get("teacher") is not None else {}),
        }

    @property
    def shrink(self) -> float:
        """The share of their side that images have which the teacher is asked about."""
        teacher = self.settings.get("teacher") or {}
        return float(teacher.get("shrink") or 1) if self.result.get("teacher") is not None else 1.0

    @property
    def exit(self) -> int | None:
        """The stage that the teacher stops after; None where it is asked whole."""
        return (self.settings.get("teacher") or {}).get("exit") if self.result.get("teacher") is not None else None


class Skipped(NamedTuple):
    path: Path
    why: str


def read(paths: Iterable[Path], out: Path | None = None) -> tuple[list[Run], list[Skipped]]:
    """All finished runs at or below some folders, each identity once, in an order that depends on them alone.

    `out`, where the report is written, is not searched.
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
    """Run folders, and folders without any run in them."""
    for path in paths:
        if not path.is_dir():
            advice = beside(path) or "; give run folders, or folders that hold them, such as runs"
            raise Mistake(f"{path} is not a folder{advice}")
        yield from below(path) or [path]


def below(path: Path) -> list[Path]:
    """Links are not followed: they could lead in circles, or to runs that are found anyway."""
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
    return any(os.path.isfile(path / name) for name in FILES)  # False where the folder may not be read


def read_run(path: Path) -> Run:
    if not is_run(path):
        raise Mistake("not a run: it holds none of " + ", ".join(FILES))
    try:
        result = json_of(path / "result.json")
    except FileNotFoundError:
        raise Mistake(unfinished(path)) from None
    except (OSError, ValueError) as error:
        raise Mistake(f"result.json is damaged: {first_line(error)}") from None
    if flaw := check(result):
        raise Mistake(f"result.json is damaged: {flaw}")
    try:
        verify(result)
    except ValueError as error:
        raise Mistake(f"result.json is damaged: {error}") from None
    result.setdefault("teacher", None)
    settings = result.get("settings") or read_settings(path / "config.yaml")
    if flaw := check_settings(settings):
        raise Mistake(f"its settings are damaged: {flaw}")
    settings.setdefault("runtime", {})
    return Run(path, settings, result)


def numbers_in(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if finite(value)}


def unfinished(path: Path) -> str:
    epochs = len(lines_of(path / "metrics.jsonl"))
    state = f"unfinished, {counted(epochs, 'epoch')} recorded"
    try:
        failure = text_of(path / "failure.txt").strip().splitlines()
    except OSError:
        return state
    return f"{state}; it failed: {failure[-1][:500]}" if failure else state


def read_settings(path: Path) -> Any:
    try:
        return yaml_of(path)
    except (OSError, ValueError):
        return None


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The records of a file; a line that was cut short when its process died is left out."""
    try:
        lines = text_of(path).splitlines()
    except OSError:
        return []
    records = []
    for line in lines:
        try:
            record = parsed(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("epoch"), int):
            records.append(record)
    return records
