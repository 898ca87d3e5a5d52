"""What other papers print: the facts themselves, and the report's section on what the printed accuracies cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from common import Command
from made_runs import changed, made, table

from unix_exp import config, paper
from unix_exp.catalogue import prices
from unix_exp.catalogue.needs import Ground, Needs
from unix_exp.config import compose
from unix_exp.paper import spent
from unix_exp.report import __main__ as command

FIELD = paper.published("field")
CIFAR = FIELD["cifar100"]


def test_every_pair_that_the_field_prints_can_be_chosen() -> None:
    for pair in CIFAR["pairs"]:
        text = (config.choices_folder() / "pair" / f"{pair}.yaml").read_text()
        chosen = {key: name for one in yaml.safe_load(text)["defaults"] for key, name in one.items()}
        assert (chosen["override /teacher"], chosen["override /student"]) == paper.split(pair)


def test_every_method_has_a_figure_or_a_gap_for_each_pair() -> None:
    rows = [*CIFAR["references"].values(), *(one["top1"] for one in CIFAR["methods"].values())]
    assert all(len(row) == len(CIFAR["pairs"]) for row in rows)
    assert all(one is None or 50 < one < 80 for row in rows for one in row)


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def of_pair(method: str) -> dict[str, str]:
    return next(one for one in table("field-cifar100-vgg13-vgg8") if one["method"] == method)


def dkd(seed: int, top1: float, **changes: Any) -> Path:
    """A finished run with another paper's loss beside labels, on every image."""
    folder = made(Path("runs"), "kd", seed=seed, top1=top1, arm="dkd")
    objective = {"dkd": {"weight": 1.0}, "ce": {"weight": 1.0}}
    plain = {"name": "everything", "scout_anyway": False}
    return changed(folder, method="dkd", settings__criterion=objective, settings__sampler=plain, **changes)


def test_prices_are_what_is_counted_now() -> None:
    """`make catalogue` writes them anew, as after a criterion was brought in or its loss changed."""
    assert list(spent.counted()) == prices.wanted()
    pairs = CIFAR["pairs"]
    assert all(list(row) == pairs for row in spent.counted().values())
    for number, (criterion, row) in enumerate(spent.counted().items()):
        pair = ("vgg13_vgg8", "resnet56_resnet20")[number % 2]  # all pairs would take a minute
        assert row[pair] == pytest.approx(prices.percent(criterion, pair), abs=0.006)


def test_a_price_is_that_of_a_whole_trial() -> None:
    """Which runs the networks, where a price replays what they say."""
    compose.prepare(())
    with compose.hydra_ready():
        settings = config.resolve(
            compose.composed(("logger=none", "pair=vgg13_vgg8", "sampler=everything", "criterion=sp"))
        )
    needs = Ground(settings).tried(settings)
    assert isinstance(needs, Needs)
    assert spent.counted()["sp"]["vgg13_vgg8"] == pytest.approx(needs.ledger.planned_percent(), abs=0.006)


def test_a_longer_schedule_and_a_second_view_cost_what_they_take() -> None:
    cost = {(one.method, one.pair): one for one in spent.printed("cifar100") if one.source != spent.OF_THE_PAPER}
    mld = {pair: cost["MLD", pair].percent for pair in ("vgg13_vgg8", "resnet32x4_shufflev2")}
    step = {pair: spent.counted()["mld"][pair] for pair in mld}
    assert mld == {
        "vgg13_vgg8": 2 * 2 * step["vgg13_vgg8"],
        "resnet32x4_shufflev2": 4 * 2 * step["resnet32x4_shufflev2"],
    }
    assert cost["KD", "vgg13_vgg8"].percent == 100
    assert 100 < cost["CRD", "vgg13_vgg8"].percent < 120
    assert (cost["DIST", "resnet56_resnet20"].percent, cost["DIST", "resnet56_resnet20"].why) == (None, spent.UNKNOWN)
    assert (cost["DOT", "vgg13_vgg8"].percent, cost["DOT", "vgg13_vgg8"].why) == (None, spent.NOT_HERE)
    paper_row = next(one for one in spent.printed("cifar100") if (one.method, one.pair) == ("UNIX k=48", "vgg13_vgg8"))
    assert (paper_row.percent, paper_row.top1) == (95.10, 73.56)
    assert paper_row.gain == pytest.approx(73.56 - 73.50), "over the paper's own KD"


def test_an_arm_stands_beside_what_is_printed_for_its_pair(report: Command) -> None:
    for seed, top1 in enumerate((74.0, 75.0)):
        dkd(seed, top1)
    made(Path("runs"), "unix", top1=73.0)
    made(Path("runs"), "random", top1=72.0)
    assert report("runs").code == 0
    row = of_pair("DKD: dkd")
    assert (row["printed in"], row["top-1 %, printed: best"]) == ("mdistiller", "74.68")
    assert row["top-1 %, ours: best"] == "74.70 ± 0.71 (2)"  # the best epoch is 0.2 above the last in made-up runs
    assert row["top-1 %, ours: last"] == "74.50 ± 0.71 (2)"
    assert row["top-1 %, ours: best \N{MINUS SIGN} printed"] == "+0.02"
    assert row["compute, % of KD: printed"] == row["compute, % of KD: ours"] == "100.00"
    assert of_pair("UNIX k=48: unix")["top-1 %, printed: best"] == "73.56"
    assert of_pair("MLD")["top-1 %, ours: best"] == "", "not run"
    assert of_pair("random")["top-1 %, printed: best"] == "", "nobody prints it"
    gaps = {one["runs"]: one for one in table("best-and-last")}
    assert gaps["vgg13 → vgg8 on cifar100"]["mean"] == "+0.20"
    assert gaps["vgg13 → vgg8 on cifar100"]["number"] == "4"
    assert Path("report/figures/field-compute-cifar100-vgg13-vgg8.svg").is_file()


def test_a_shorter_training_is_not_held_against_printed_figures(report: Command) -> None:
    dkd(0, 60.0, settings__recipe__epochs=24)
    report("runs")
    row = of_pair("DKD: dkd")
    assert row["top-1 %, ours: best \N{MINUS SIGN} printed"] == ""
    assert row["compute, % of KD: ours"] == "10.00", "of KD over 240 epochs"


def test_a_loss_without_labels_is_not_taken_for_the_printed_one(report: Command) -> None:
    changed(dkd(0, 74.0), settings__criterion={"dkd": {"weight": 1.0}})
    report("runs")
    assert of_pair("DKD")["top-1 %, ours: best"] == ""
    assert of_pair("dkd")["top-1 %, ours: best"] == "74.20 (1)"


def test_the_section_is_there_for_any_pair_on_these_images_and_for_no_others(report: Command) -> None:
    made(Path("runs"), "kd", ("resnet20", "resnet8"))
    report("runs")
    methods = {one["method"]: one for one in table("field-cifar100")}
    assert methods["MLD"]["its authors' settings"].startswith("480 or 960 epochs of 64, 2 views")
    assert methods["MLD"]["compute, % of KD: from, to"] == "400 to 800"
    assert methods["DIST"]["compute, % of KD: mean"] == "unknown"
    assert not Path("report/tables/field-cifar100-resnet20-resnet8.csv").exists()
    assert {one["method"]: one for one in table("field-imagenet")}["CRD"][
        "torchdistill's logs: wall clock, KD's"
    ] == "7.75"
    made(Path("others"), "kd", dataset="shapes")
    report("others", "--out", "second")
    assert FIELD["title"] not in Path("second/report.md").read_text()
