"""Records of finished runs with gaps, doubles or changes: drawn as they are, and the report says so."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command
from made_runs import changed, made

from unix_exp.report import __main__ as command
from unix_exp.report.gaps import stretches
from unix_exp.report.runs import read_run

EPOCHS = 6


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def recorded(folder: Path) -> Path:
    """As runs of now are: with the epochs of each stage, and the hash of each file."""
    hashed = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("metrics.jsonl",)}
    return changed(folder, files=hashed, stages=[{"name": "", "epochs": EPOCHS}])


CHANGES = {
    "": lambda lines: lines,
    "has no epoch 2": lambda lines: lines[:1] + lines[2:],
    "has no epochs 2, 4 to 6": lambda lines: [lines[0], lines[2]],
    "has epoch 3 more than once": lambda lines: lines[:3] + lines[2:],
    "has no epoch 1 and has epochs 2 to 6 more than once": lambda lines: lines[1:] + lines[1:],
    "holds no epoch": lambda lines: [],
    "is not what the run wrote": lambda lines: [*lines[:-1], lines[-1].replace('"epoch": 6', '"epoch": 6, "x": 1')],
}  # fmt: skip


@pytest.mark.parametrize("flaw", CHANGES)
def test_records_that_are_not_whole_are_named(report: Command, flaw: str) -> None:
    recorded(made(Path("runs"), "kd", epochs=EPOCHS))
    path = recorded(made(Path("runs"), "unix", epochs=EPOCHS)) / "metrics.jsonl"
    path.write_text("".join(CHANGES[flaw](path.read_text().splitlines(keepends=True))))
    said = report("runs")
    assert said.code == 0
    page = Path("report/index.html").read_text()
    if not flaw:
        assert said.err == "" and "not whole" not in page
        return
    assert said.err == f"not whole {path.parent}: metrics.jsonl {flaw}\n"
    assert "Records that are not whole" in page and f"metrics.jsonl {flaw}" in page


def test_an_epoch_is_drawn_once_as_it_was_recorded_last(tmp_path: Path) -> None:
    path = made(tmp_path, epochs=3) / "metrics.jsonl"
    with path.open("a") as file:
        file.write('{"epoch": 2, "test/top1": 1.5}\n')
    run = read_run(path.parent)
    assert [line["epoch"] for line in run.epochs] == [1, 2, 3]
    assert run.epochs[1]["test/top1"] == 1.5


def test_a_double_does_not_make_up_for_a_missing_epoch(tmp_path: Path) -> None:
    folder = made(tmp_path, schedule=4)
    lines = (folder / "analysis.jsonl").read_text().splitlines(keepends=True)
    (folder / "analysis.jsonl").write_text("".join([*lines[:3], lines[0]]))
    run = read_run(folder)
    assert run.analysis == []
    assert run.flaws == ["analysis.jsonl has epoch 1 more than once"], "an older record does not say how many there are"


def test_stretches_are_named_briefly() -> None:
    assert stretches([4]) == "epoch 4"
    assert stretches([1, 3, 5, 7, 9, 11, 12]) == "epochs 1, 3, 5, 7, 9, ..."


def test_a_line_of_json_is_no_other_thing(tmp_path: Path) -> None:
    folder = made(tmp_path, epochs=3)
    (folder / "metrics.jsonl").write_text(json.dumps({"epoch": 10**30}) + "\n")
    run = read_run(folder)
    assert len(run.epochs) == 1 and run.flaws
