"""The report opens with the answer: who wins, how certainly, at what compute, before the reader scrolls."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from common import Command
from made_runs import changed, made, table

from unix_exp.report import __main__ as command
from unix_exp.report.stats import welch
from unix_exp.report.tables import signed

MINUS = "\N{MINUS SIGN}"
KD, UNIX = (73.0, 73.5, 74.2), (74.0, 74.4, 75.5)


@pytest.fixture
def report(typed: Callable[..., Command]) -> Command:
    """Type `python -m unix_exp.report WORDS` in an empty folder."""
    return typed(command.main)


def several(method: str, accuracies: tuple[float, ...], pair: tuple[str, str] = ("vgg13", "vgg8"), **own: Any) -> None:
    for seed, top1 in enumerate(accuracies):
        made(Path("runs"), method, pair, seed=seed, top1=top1, **own)


def alone(top1: float) -> None:
    folder = made(Path("runs"), "kd", seed=77, top1=top1)
    own = {"settings__distiller__name": "supervised", "settings__criterion": {"ce": {"weight": 1.0}}}
    changed(folder, teacher=None, method="scratch", cost__percent_of_kd=None, **own)


def answer() -> str:
    """The sentences, as a reader of the Markdown file reads them."""
    text = Path("report/report.md").read_text()
    found = re.search(r"## In short\n\n(.*?)\n", text)
    assert found is not None
    return found[1].replace("\\", "")


def test_it_says_who_wins_by_how_much_with_which_certainty_at_what_compute(report: Command) -> None:
    several("kd", KD)
    several("unix", UNIX)
    several("random", (70.0,))
    alone(68.0)
    report("runs")
    test = welch(UNIX, KD)
    assert test is not None
    low, high = (f"{value:+.2f}".replace("-", MINUS) for value in test.interval)
    assert answer() == (
        "2 methods against KD: vgg13 → vgg8 on cifar100, 240 epochs, 1 to 3 seeds each. "
        f"unix comes out best with 74.63 %: +1.07 points from KD (95 % interval {low} to {high}, so it may be "
        "randomness) at 95 % of KD's compute. The student alone reaches 68.00 %: "
        f"{MINUS}5.57 points from KD (one seed: no certainty) at 100 % of KD's compute."
    )
    rows = table("answer-table")
    assert [row["method"] for row in rows] == ["unix", "kd", "random", "student alone: scratch"]
    assert rows[0]["top-1 %"] == "74.63 ± 0.78 (3)" and rows[0]["from KD"] == f"+1.07 ({low} to {high})"
    assert rows[2]["from KD"] == f"{MINUS}3.57 (1 seed)" and rows[2]["compute %"] == "75.0"


def test_a_difference_that_is_rounded_to_zero_has_no_sign() -> None:
    differences = (-0.004, 0.0, 0.004, -0.006, 0.006)
    assert [signed(one) for one in differences] == ["0.00", "0.00", "0.00", f"{MINUS}0.01", "+0.01"]


def test_a_win_beyond_the_spread_of_seeds_is_told_from_one_within_it(report: Command) -> None:
    several("kd", KD)
    several("unix", (80.0, 80.1, 80.2))
    report("runs")
    assert "which excludes zero" in answer() and "randomness" not in answer()


def test_where_kd_wins_the_next_is_named_and_a_single_seed_is_no_certainty(report: Command) -> None:
    several("kd", (75.0,))
    several("unix", (74.0,))
    several("random", (73.0,))
    report("runs")
    assert (
        f"KD comes out best with 75.00 %; next is unix, {MINUS}1.00 points from KD (one seed: no certainty) at 95 %"
        in (answer())
    )
    assert "The student alone was not run" in answer()
    assert table("answer-table")[-1]["method"] == "student alone"


def test_an_arm_of_another_recipe_is_no_winner_over_kd_and_is_counted(report: Command) -> None:
    several("kd", KD)
    several("unix", UNIX)
    folder = made(Path("runs"), "random", top1=99.0)
    changed(folder, settings__recipe__momentum=0.5)
    report("runs")
    assert "unix comes out best" in answer()
    assert "1 more arm that differ" in Path("report/report.md").read_text()


def test_the_pair_with_most_to_say_comes_first_and_the_others_are_counted(report: Command) -> None:
    several("kd", KD, ("resnet32x4", "resnet8x4"))
    several("unix", UNIX[:1], ("resnet32x4", "resnet8x4"))
    for method in ("kd", "random", "unix"):
        several(method, UNIX if method == "unix" else KD)
    report("runs")
    assert "vgg13 → vgg8" in answer()
    assert "1 other comparison with KD (resnet32x4 → resnet8x4 on cifar100)" in Path("report/report.md").read_text()


def test_without_kd_nothing_is_said_of_it(report: Command) -> None:
    several("unix", UNIX)
    report("runs")
    assert answer().endswith("unix comes out best with 74.63 %. There is no KD beside it to hold it against.")


def test_a_long_list_keeps_kd_the_student_alone_and_the_best_that_costs_less(report: Command) -> None:
    several("kd", (60.0,))
    alone(50.0)
    for k in range(20, 33):
        several("random", (61.0 + k / 100,), k=k)
    report("runs")
    rows = table("answer-table")
    assert len(rows) == 8
    assert {"kd", "student alone: scratch", "random k=32"} <= {row["method"] for row in rows}
    with Path("report/tables/arms-cifar100-vgg13-vgg8.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 15
