"""What other papers print: the facts themselves, and the report's section on what the printed accuracies cost."""

from __future__ import annotations

import yaml

from unix_exp import config, paper

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
