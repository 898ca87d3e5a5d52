"""The paper's tables beside our runs: what fills a cell, and what is compared with the paper."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command
from made_runs import changed, made, row, table

from unix_exp.report import __main__ as command


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def test_a_cell_is_mean_spread_and_number_beside_the_papers(report: Command) -> None:
    for seed, top1 in enumerate((73.0, 74.0, 74.5)):
        made(Path("runs"), "unix", seed=seed, top1=top1)
    assert report("runs").code == 0
    cell = row("table2", "vgg13 → vgg8", "UNIX k=48")
    assert cell["top-1 %: ours"] == "73.83 ± 0.76 (3)"  # (73 + 74 + 74.5) / 3 and the root of 0.58333
    assert cell["top-1 %: paper"] == "73.56"
    assert cell["top-1 %: difference"] == "+0.27"
    assert cell["compute, % of KD: ours"] == "95.00"
    assert cell["compute, % of KD: paper"] == "95.10"


def test_what_was_not_run_is_missing_and_never_zero(report: Command) -> None:
    made(Path("runs"), "unix")
    report("runs")
    missing = row("table2", "vgg13 → vgg8", "KD")
    assert missing["top-1 %: ours"] == missing["top-1 %: difference"] == missing["compute, % of KD: ours"] == ""
    assert missing["top-1 %: paper"] == "73.50"
    assert "not run yet" in Path("report/index.html").read_text()
    tables = [path.read_text() for path in Path("report/tables").glob("table*.csv")]
    assert len(tables) > 1 and not any(re.search(r"(^|,)[+-]?0\.00(,|$)", text, re.MULTILINE) for text in tables)


def test_every_table_is_there_as_soon_as_one_run_belongs_to_it(report: Command) -> None:
    made(Path("runs"), "unix")
    report("runs")
    page = Path("report/index.html").read_text()
    for number in range(1, 9):
        assert f"Table {number}: " in page


def test_other_data_or_another_schedule_is_never_compared_with_the_paper(report: Command) -> None:
    made(Path("runs"), "unix", dataset="shapes", schedule=1)
    report("runs")
    page = Path("report/index.html").read_text()
    assert "dataset shapes instead of cifar100, epochs 1 instead of 240" in page
    cell = row("table2", "vgg13 → vgg8", "UNIX k=48")
    assert cell["top-1 %: ours"]
    assert not cell["top-1 %: difference"]


def test_a_run_on_one_of_the_papers_data_sets_is_in_no_table_of_another(report: Command) -> None:
    made(Path("runs"), "unix", ("resnet32x4", "shufflev2"))
    report("runs")
    assert row("table1", "resnet32x4 → shufflev2", "UNIX k=48")["top-1 %: ours"]
    assert not row("table6", "resnet32x4 → shufflev2", "UNIX")["top-1 %: ours"]


def test_runs_of_other_settings_are_not_averaged_into_a_cell(report: Command) -> None:
    for seed in (0, 1):
        made(Path("runs"), "unix", seed=seed, top1=73.0)
    odd = made(Path("runs"), "unix", seed=2, top1=10.0)
    result = json.loads((odd / "result.json").read_text())
    result["settings"]["recipe"]["lr"] = 5.0
    (odd / "result.json").write_text(json.dumps(result))
    report("runs")
    assert row("table2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: ours"] == "73.00 ± 0.00 (2)"
    assert (
        "vgg13_vgg8: 1 run with another teacher or other settings is left out" in Path("report/index.html").read_text()
    )


def test_a_row_is_recognised_by_what_a_run_did_and_not_by_its_name(report: Command) -> None:
    folder = made(Path("runs"), "unix", k=36)
    result = json.loads((folder / "result.json").read_text())
    result["method"] = result["settings"]["method"] = "my_own_name"
    (folder / "result.json").write_text(json.dumps(result))
    made(Path("runs"), "unix", k=37, seed=1)
    report("runs")
    assert row("table2", "vgg13 → vgg8", "UNIX k=36")["top-1 %: ours"] == "73.50 (1)"
    assert all(not one["top-1 %: ours"] for one in table("table2") if one["method"] == "UNIX k=48"), "37 is no row"


DEVIATING = {
    "settings__recipe__weight_decay": 0.1, "settings__recipe__nesterov": True, "settings__dataset__augment": False,
    "settings__runtime__precision": "bf16", "settings__recipe__milestones": [10, 20, 30],
}  # fmt: skip


@pytest.mark.parametrize("name", DEVIATING)
def test_a_deviation_from_the_papers_recipe_is_reported_and_not_compared(report: Command, name: str) -> None:
    made(Path("runs"), "unix")
    changed(made(Path("runs"), "unix", seed=1), **{name: DEVIATING[name]})
    assert report("runs").code == 0, "a table for each of two settings"
    page = Path("report/index.html").read_text()
    assert f"{name.split('__')[-1]} {str(DEVIATING[name]).strip('[]')} instead of" in page
    assert row("table2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: difference"], "the paper's setting comes first"
    assert not row("table2-2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: difference"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings__recipe__lr": 5.0}, "lr 5 instead of 0.05"),
        ({"teacher__source": "FromStore", "settings__teacher_recipe": {"epochs": 1, "batch": 64}},
         "its teacher&#39;s epochs 1 instead of 240"),
    ],
)  # fmt: skip
def test_a_column_with_another_rate_or_teacher_is_not_compared(report: Command, changes: dict, words: str) -> None:
    changed(made(Path("runs"), "unix"), **changes)
    report("runs")
    assert words in Path("report/index.html").read_text().replace("&#x27;", "&#39;").replace("'", "&#39;")
    assert not row("table2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: difference"]


def test_short_runs_are_drawn_without_the_papers_points(report: Command) -> None:
    made(Path("runs"), "unix")
    report("runs")
    figure = Path("report/figures/compute-cifar100-vgg13-vgg8.svg")
    assert figure.read_text().count("paper, UNIX k=48") == 1
    made(Path("short"), "unix", schedule=2)
    report("short")
    assert "paper, UNIX" not in figure.read_text()


def test_a_column_has_one_teacher(report: Command) -> None:
    """UNIX with a good teacher must not be held against KD with a bad one."""
    for seed in range(4):
        changed(made(Path("runs"), "kd", seed=seed, top1=70 + seed / 10), teacher__identity="good")
    for seed in range(2):
        changed(made(Path("runs"), "unix", seed=seed, top1=70 + seed / 10), teacher__identity="good")
    for seed in range(2, 5):
        changed(made(Path("runs"), "unix", seed=seed, top1=60 + seed / 10), teacher__identity="bad")
    report("runs")
    assert row("table2", "vgg13 → vgg8", "UNIX k=48")["top-1 %: ours"] == "70.05 ± 0.07 (2)"
    (test,) = table("table2-welch")
    assert test["runs"] == "2 and 4"


def test_students_alone_are_of_the_same_recipe(report: Command) -> None:
    made(Path("runs"), "kd")
    for seed, lr in enumerate((0.05, 0.05, 5.0)):
        folder = changed(
            made(Path("runs"), "kd", seed=seed + 1, top1=60.0 + seed), teacher=None, pair="vgg8", method="scratch",
            settings__distiller={"name": "supervised"}, settings__criterion={"ce": {"weight": 1.0}},
            settings__recipe__lr=lr, cost__percent_of_kd=None,
        )  # fmt: skip
        assert folder.exists()
    report("runs")
    assert row("table8", "vgg13 → vgg8", "student alone")["top-1 %: ours"] == ""
    assert row("table2", "vgg13 → vgg8", "student alone")["top-1 %: ours"] == "60.50 ± 0.71 (2)"
