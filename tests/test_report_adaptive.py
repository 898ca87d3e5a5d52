"""The report's section on Adaptive Distillation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from common import Command
from made_runs import changed, made, table

from unix_exp import config, paper
from unix_exp.config import compose
from unix_exp.report import __main__ as command
from unix_exp.sweeps import grid

STUDY = paper.published("chennupati2021")
TABLE = "adaptive-cifar100-resnet50-resnet18"
CLAIMS = "adaptive-claims-cifar100-resnet50-resnet18"


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


@pytest.fixture
def hydra() -> Iterator[None]:
    with compose.hydra_ready():
        yield


def arm(name: str, seed: int = 0, top1: float = 70.0, **changes: Any) -> Path:
    """A finished run of one of the study's arms, with weights that moved."""
    folder = made(Path("runs"), "kd", ("resnet50", "resnet18"), seed, top1, schedule=200, arm=name)
    settings = STUDY["arms"][name]
    changed(
        folder, settings__distiller={**STUDY["method"], **settings}, settings__criterion={"ce": {"weight": 1.0}},
        settings__sampler={"name": "everything", "scout_anyway": False}, method=name, last__agreement=80.0, **changes,
    )  # fmt: skip
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for number, line in enumerate(lines):
        if settings["weights"] == "adaptive":
            line |= {f"method/weight_{path}": 0.5**number for path in settings["paths"]}
        if settings["weights"] == "layerwise":
            line |= {f"method/weight_at_{stage}": 0.5**number for stage in (1, 2)} | {"method/weight_st": 1.0}
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_sweep_has_every_arm_of_the_study_and_the_student_alone(hydra: None) -> None:
    jobs = [config.resolve(compose.composed(job)) for job in grid.jobs(grid.read("adaptive"))]
    found = {settings["method"]: settings for settings in jobs if settings["seed"] == 0}
    assert len(found) == 13 and len(jobs) == 3 * 13
    alone = found.pop("scratch")
    assert alone["student"]["name"] == "resnet18"
    for settings in found.values():
        assert (settings["teacher"]["name"], settings["student"]["name"]) == ("resnet50", "resnet18")
        assert list(settings["criterion"]) == STUDY["beside"]["criterion"]
        assert settings["sampler"]["name"] == STUDY["beside"]["sampler"]
        assert settings["runtime"]["agreement"] is True
    recipe = alone["recipe"]
    assert [recipe[key] for key in ("epochs", "batch", "lr", "gamma", "weight_decay")] == [200, 128, 0.1, 0.2, 1e-4]
    ours = [settings["distiller"] for settings in found.values()]
    theirs = [{**STUDY["method"], **settings} for settings in STUDY["arms"].values()]
    assert all(settings in theirs for settings in ours) and all(settings in ours for settings in theirs)


def test_every_arm_has_a_row_and_those_not_run_are_missing(report: Command) -> None:
    arm("AT + ST, adaptive")
    arm("AT + ST, equal")
    report("runs")
    rows = {one["arm"]: one for one in table(TABLE)}
    assert list(rows) == ["student alone", *STUDY["arms"]]
    ran = rows["AT + ST, adaptive"]
    assert (ran["weights"], ran["agreement %"]) == ("AT 1000 + ST 0.1, learned", "80.00 (1)")
    assert ran["top-1 %: last"] == "70.00 (1)"
    assert rows["NST"]["top-1 %: last"] == ""
    assert "No published figure at hand" in Path("report/report.md").read_text()


def test_an_arm_that_the_study_has_not_stands_below(report: Command) -> None:
    folder = arm("AT + ST, adaptive")
    changed(folder, settings__sampler={"name": "unix", "k": 48}, method="unix_at_st")
    made(Path("runs"), "kd", ("resnet50", "resnet18"), top1=60.0)
    made(Path("runs"), "random", ("resnet50", "resnet18"), top1=90.0)
    report("runs")
    beside = [one["arm"] for one in table(TABLE) if one["group"] == "beside the study"]
    assert beside == ["kd", "unix_at_st"], "other papers' methods are no part of it"
    assert next(one for one in table(TABLE) if one["arm"] == "AT + ST, adaptive")["top-1 %: last"] == ""


def test_learned_weights_are_compared_with_fixed_ones_and_drawn(report: Command) -> None:
    for seed in (0, 1, 2):
        arm("AT + ST, adaptive", seed, 71.0 + seed / 10)
        arm("AT + ST, equal", seed, 70.0 + seed / 10)
        arm("all four, by stage", seed)
    report("runs")
    (claim,) = table(CLAIMS)
    assert claim["comparison"] == "AT + ST, adaptive \N{MINUS SIGN} AT + ST, equal"
    assert claim["difference"] == "+1.00"
    drawn = {path.name.partition("-cifar100")[0] for path in Path("report/figures").glob("learned-weights-*")}
    assert drawn == {
        "learned-weights-at-st-adaptive", "learned-weights-all-four-by-stage", "learned-weights-all-four-by-stage-at",
    }  # fmt: skip


def test_a_report_of_other_runs_has_no_such_section(report: Command) -> None:
    made(Path("runs"), "kd")
    report("runs")
    assert STUDY["title"] not in Path("report/report.md").read_text()
