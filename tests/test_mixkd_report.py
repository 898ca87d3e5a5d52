"""MIX-KD in the report: arms by what a run did, and the grid of teachers and students."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from common import Command
from made_runs import changed, made, table

from unix_exp import config, paper
from unix_exp.config import compose
from unix_exp.plots.charts import matrix
from unix_exp.plots.style import DARK_INK, LIGHT_INK, contrast, ramp
from unix_exp.report import mixkd
from unix_exp.report.__main__ import main
from unix_exp.report.runs import Run
from unix_exp.sweeps import grid

FACTS = paper.published("mixkd")


@pytest.fixture
def report(typed: Callable[[Callable[[], None]], Command]) -> Command:
    return typed(main)


def run(arm: str, pair: tuple[str, str] = ("resnet56", "resnet20"), seed: int = 0, top1: float = 70.0) -> Path:
    found = next(one for one in FACTS["arms"] if one["name"] == arm)
    folder = made(
        Path("runs"), pair=pair, seed=seed, top1=top1, b=float(FACTS["arms"].index(found))
    )  # b: a name of its own
    return changed(
        folder, settings__sampler=FACTS["samplers"][found["sampler"]],
        settings__criterion=FACTS["criteria"][found["criterion"]],
    )  # fmt: skip


def test_the_experiments_are_the_arms_that_the_report_knows() -> None:
    """Each sweep of arms fills every row, and the grid every cell."""
    with compose.hydra_ready():
        settings = [config.resolve(compose.composed(job)) for job in grid.jobs(grid.read("mixkd_arms"))]
        jobs = [dict(word.split("=") for word in job) for job in grid.jobs(grid.read("mixkd_grid"))]
        chosen = {job["experiment"] for job in jobs}  # apart from the networks' names, which the jobs say
        methods = {name: config.resolve(compose.composed((f"experiment={name}",))) for name in chosen}
    runs = [Run(Path(), one, {"teacher": {"name": "a"}}) for one in settings]  # type: ignore[typeddict-item]
    assert all(sum(mixkd.belongs(run, arm, FACTS) for arm in FACTS["arms"]) == 1 for run in runs)
    assert all(any(mixkd.belongs(run, arm, FACTS) for run in runs) for arm in FACTS["arms"])
    wanted = {
        (teacher, student, name)
        for teacher in FACTS["grid"]["networks"]
        for student in FACTS["grid"]["networks"]
        for name in FACTS["grid"]["temperatures"]
    }
    found = set()
    for job in jobs:
        of_run = Run(Path(), methods[job["experiment"]], {"teacher": {"name": "a"}})  # type: ignore[typeddict-item]
        for name, criterion in FACTS["grid"]["temperatures"].items():
            if mixkd.belongs(of_run, {"sampler": FACTS["grid"]["sampler"], "criterion": criterion}, FACTS):
                found.add((job["teacher"], job["student"], name))
    assert found == wanted


def test_arms_stand_side_by_side_with_their_cost_and_what_is_published(report: Command) -> None:
    for seed, top1 in enumerate((70.0, 71.0)):
        run("partial mixup, T = 4", seed=seed, top1=top1)
    run("no mixup, T = 4", top1=69.0)
    assert report("runs").code == 0
    rows = {one["arm"]: one for one in table("mixkd-arms")}
    assert rows["partial mixup, T = 4"]["top-1 %: ours"] == "70.50 ± 0.71 (2)"
    assert rows["partial mixup, T = 4"]["top-1 %: published"] == "no published figure at hand"
    assert rows["full mixup, T = 4"]["top-1 %: ours"] == ""
    assert float(rows["no mixup, T = 4"]["compute, % of KD: ours"]) > 0
    assert rows["teacher"]["top-1 %: published"] == "no published figure at hand"


def test_a_control_alone_is_no_section_of_this_paper(report: Command) -> None:
    run("no mixup, T = 4")
    assert report("runs").code == 0
    assert "MIX-KD" not in Path("report/report.md").read_text()


def test_the_grid_has_its_map_and_the_published_corners(report: Command) -> None:
    for teacher, student, top1 in (("resnet20", "resnet20", 68.2), ("resnet110", "resnet20", 69.9)):
        run("full mixup, T = 4", (teacher, student), top1=top1)
    assert report("runs").code == 0
    corners = {one["pair"]: one for one in table("mixkd-corners-cifar100-240-epochs-batch-64")}
    assert corners["resnet20 → resnet20"]["top-1 %: ours"] == "68.20 (1)"
    assert corners["resnet20 → resnet20"]["top-1 %: published"] == "68 to 69"
    assert corners["resnet110 → resnet110"]["top-1 %: ours"] == ""
    assert corners["resnet20 → resnet20"]["compute, % of KD: ours"] == "95.00"
    assert "Compute, counted: 95.00 % of KD" in Path("report/report.md").read_text()
    assert not Path("report/tables/mixkd-arms.csv").exists(), "the grid's runs alone are no study of arms"
    chart = Path("report/figures/mixkd-grid-cifar100-240-epochs-batch-64-t-4.svg").read_text()
    assert ">68.2<" in chart and ">69.9<" in chart


def test_a_named_map_writes_its_numbers_readably_and_leaves_gaps_empty() -> None:
    chart = matrix([[0.0, 1.0], [None, 0.5]], ["a", "b"], ["c", "d"], "x", "y", "value", title="t")
    assert chart.count('class="mark-cells') == 3
    assert [f">{one}<" in chart for one in ("0.0", "1.0", "0.5")] == [True] * 3
    assert all(max(contrast(ink, shade) for ink in (LIGHT_INK, DARK_INK)) >= 4.5 for shade in ramp())
