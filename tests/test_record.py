"""The declared shape of a run's records: what training writes fits it, and what does not fit is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command, only
from made_runs import changed, made, table
from plugged import forgotten_afterwards

from unix_exp.report import __main__ as command
from unix_exp.report.arms import groups
from unix_exp.report.runs import read
from unix_exp.run.record import check, check_analysis, check_settings

ROOT = Path(__file__).parent.parent


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def test_what_training_records_fits_its_declaration(tiny: Command) -> None:
    assert tiny("recipe.epochs=2", "teacher_recipe.epochs=1", "runtime.threads=1").code == 0
    folder = only(Path("runs"))
    result = json.loads((folder / "result.json").read_text())
    assert check(result) is None
    assert check_settings(result["settings"]) is None
    lines = (folder / "analysis.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert [check_analysis(json.loads(line)) for line in lines] == [None, None]


def test_the_kept_records_fit_the_declaration() -> None:
    results = [json.loads(path.read_text()) for path in ROOT.glob("results/**/result.json")]
    assert len(results) > 15
    assert [flaw for one in results if (flaw := check(one) or check_settings(one["settings"]))] == []


def test_a_record_says_which_key_is_wrong(tmp_path: Path) -> None:
    result = json.loads((made(tmp_path) / "result.json").read_text())
    assert check(result) is None
    assert check({**result, "seed": "four"}) == "seed is 'four'"
    assert check({key: value for key, value in result.items() if key != "steps"}) == "steps is missing in the record"
    assert check({**result, "cost": {**result["cost"], "once": {"teacher": {"gflops": 1.0}}}}) is not None
    assert check({**result, "teacher": None, "cost": {**result["cost"], "percent_of_kd": None}}) is None
    assert check({**result, "cost": {**result["cost"], "percent_of_kd": None}}) == "percent_of_kd is missing"


def test_one_off_costs_are_shared_by_the_runs_that_needed_them(report: Command) -> None:
    once = {"gflops": 9000.0, "gflops_backward_2": 13000.0, "identity": "0123"}
    for seed in range(3):
        changed(made(Path("runs"), "unix", seed=seed), cost__once={"teacher": once})
    holdout = {**once, "gflops": 500.0, "identity": "4567"}
    folder = changed(made(Path("runs"), "random"), cost__once={"holdout": holdout, "teacher": once})
    changed(folder, networks={"holdout": {"name": "resnet8", "identity": "4567"}})
    assert report("runs").code == 0
    rows = [list(row.values()) for row in table("one-off-costs")]
    assert rows == [
        ["holdout resnet8", "4567", "500", "1", "500"],
        ["teacher vgg13", "0123", "9,000", "4", "2,250"],
    ]


def test_runs_without_one_off_costs_get_no_table_of_them(report: Command) -> None:
    made(Path("runs"), "unix")
    report("runs")
    assert not Path("report/tables/one-off-costs.csv").exists()


def test_runs_with_other_code_or_another_network_are_not_averaged(tmp_path: Path) -> None:
    for seed in (0, 1):
        changed(made(tmp_path, "unix", seed=seed), plugins={"mine": "aaaa"})
    changed(made(tmp_path, "unix", seed=2), plugins={"mine": "bbbb"})
    changed(made(tmp_path, "unix", seed=3), networks={"holdout": {"name": "vgg8", "identity": "cccc"}})
    (group,) = groups(read([tmp_path])[0])
    assert sorted(len(arm.runs) for arm in group.arms) == [1, 1, 2]


def test_only_the_papers_baseline_without_a_teacher_is_from_scratch(tmp_path: Path) -> None:
    for seed, name in enumerate(("supervised", "peers")):
        changed(
            made(tmp_path, "kd", seed=seed), teacher=None, pair="vgg8", settings__distiller={"name": name},
            cost__percent_of_kd=None,
        )  # fmt: skip
    (group,) = groups(read([tmp_path])[0])
    assert {arm.family for arm in group.arms} == {"from scratch", "peers, kd"}


def test_shares_of_one_named_schedule_compare_whatever_the_steps(report: Command) -> None:
    for method, steps in (("kd", 187440), ("unix", 140580)):
        changed(made(Path("runs"), method), steps=steps, cost__against="240 epochs of KD")
    report("runs")
    assert "% of conventional KD" in Path("report/figures/compute-cifar100-vgg13-vgg8.svg").read_text()
    assert "240 epochs of KD" in Path("report/report.md").read_text()


def test_a_plugin_is_imported_before_the_runs_are_read(report: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    made(Path("runs"), "unix")
    Path("mine.py").write_text(
        "from pathlib import Path\nfrom unix_exp.registry import probes\n"
        "Path('imported').touch()\nprobes.register('mine')(dict)\n"
    )
    with forgotten_afterwards():
        assert report("runs", "--plugins", "mine.py").code == 0
    assert Path("imported").exists()
