"""What is made of runs that chose their epoch on validation images, beside runs that did not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from common import Command
from made_runs import changed, made, table

from unix_exp.report import __main__ as command
from unix_exp.report.arms import groups
from unix_exp.report.chosen import CHOSEN
from unix_exp.report.classes import by_class
from unix_exp.report.runs import read
from unix_exp.report.table import table as at_the_end
from unix_exp.report.tables import group_table
from unix_exp.run.record import check
from unix_exp.sinks.wandb import Wandb


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def chosen(runs: Path, method: str = "unix", seed: int = 0, **val: float) -> Path:
    """A run with validation images, whose second epoch was the best on these."""
    folder = made(runs, method, seed=seed)
    result = json.loads((folder / "result.json").read_text())
    last = {"epoch": 2, "top1": 70.0, "top5": 90.0}
    folder = changed(
        folder, last=last, best=last, val={**last, "top1": 71.0, "images": 500, **val}, test_per_class=[42.0] * 10,
        settings__dataset={**result["settings"]["dataset"], "val": 0.1, "split_seed": 0}, fingerprint="with-val",
    )  # fmt: skip
    lines = (folder / "metrics.jsonl").read_text().replace('"test/', '"val/')
    (folder / "metrics.jsonl").write_text(lines)
    return folder


def without(runs: Path, seed: int) -> Path:
    """A run without, recorded when the settings of validation images were known."""
    folder = made(runs, "unix", seed=seed)
    dataset = json.loads((folder / "result.json").read_text())["settings"]["dataset"]
    return changed(folder, settings__dataset={"name": dataset.pop("name"), "val": 0, "split_seed": 0, **dataset},
                   fingerprint="all")  # fmt: skip


def test_their_tables_say_so_and_no_mean_has_both_kinds(report: Command) -> None:
    for seed in (0, 1):
        chosen(Path("runs"), seed=seed)
    for seed in (2, 3):
        changed(made(Path("runs"), "unix", seed=seed), fingerprint="all")  # of before, without these settings
    without(Path("runs"), seed=4)
    found = {group.images: group for group in groups(read([Path("runs")])[0])}
    seeds = {images: [run.result["seed"] for arm in group.arms for run in arm.runs] for images, group in found.items()}
    assert seeds == {"val=0.1": [0, 1], "val=0": [2, 3, 4]}
    noted = {images: CHOSEN in group_table(group).notes for images, group in found.items()}
    assert noted == {"val=0.1": True, "val=0": False}
    assert report("runs").code == 0
    tables = {path.stem: path.read_text() for path in Path("report/tables").glob("arms-*.csv")}
    assert sorted(text.count("(3)") - text.count("(2)") for text in tables.values()) == [-1, 1]
    page = Path("report/report.md").read_text()
    assert "last epoch, or of the one that is best on validation images" in page
    assert CHOSEN in page
    learned = {path.stem: path.read_text() for path in Path("report/figures").glob("learning-epochs-*.svg")}
    assert sorted("validation accuracy, top-1 %" in drawing for drawing in learned.values()) == [False, True]


def test_they_are_not_held_against_the_papers_figures(report: Command) -> None:
    chosen(Path("runs"))
    report("runs")
    assert "epoch chosen on validation images instead of the last" in Path("report/index.html").read_text()
    cells = [one for one in table("table2") if one["method"] == "UNIX k=48" and one["top-1 %: ours"]]
    assert [one["top-1 %: difference"] for one in cells] == [""]


def test_the_accuracy_of_a_class_is_that_on_test_images(tmp_path: Path) -> None:
    chosen(tmp_path)
    assert by_class(read([tmp_path])[0])[1] == [42.0] * 10


def test_agreement_with_the_teacher_is_that_of_the_chosen_epoch(tmp_path: Path) -> None:
    chosen(tmp_path, agreement=88.0)
    (run,), _ = read([tmp_path])
    assert run.agreement == 88.0 and run.top1 == 70.0


def test_the_table_at_the_end_of_a_sweep_says_so(tmp_path: Path) -> None:
    plain = made(tmp_path, "kd")
    assert "validation" not in at_the_end([plain])
    assert "The epoch was chosen on validation images" in at_the_end([plain, chosen(tmp_path)])


def test_a_record_that_does_not_say_how_it_was_chosen_is_refused(tmp_path: Path) -> None:
    result = json.loads((chosen(tmp_path) / "result.json").read_text())
    assert check(result) is None
    assert check({**result, "val": {"top1": 71.0, "top5": 90.0}}) is not None
    assert check({**result, "test_per_class": [None, "42"]}) is not None


def test_the_dashboard_compares_runs_by_their_accuracy_on_test_images(tmp_path: Path) -> None:
    """Whose records are of validation images alone."""
    sink = Wandb.__new__(Wandb)
    for folder, expected in ((chosen(tmp_path, "kd"), 70.0), (made(tmp_path, "unix"), None)):
        sink.run = SimpleNamespace(summary={})
        sink.summarise(json.loads((folder / "result.json").read_text()))
        assert sink.run.summary.get("test/top1") == expected
