"""A teacher that costs less: rounded to whole numbers, or shown smaller images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from common import Command
from test_frozen import worn
from torch import nn

import unix_exp
from unix_exp.cost.ledger import Images, StepCost
from unix_exp.cost.network import gflops, gflops_as_trained
from unix_exp.engine.cpu import computes_int8
from unix_exp.engine.folding import frozen
from unix_exp.engine.whole_numbers import WholeNumbers
from unix_exp.models.smaller import see_smaller
from unix_exp.report import cheaper
from unix_exp.report.arms import groups
from unix_exp.report.blocks import Heading
from unix_exp.report.runs import read

needs_int8 = pytest.mark.skipif(not computes_int8(), reason="this processor has no instructions for int8")


@needs_int8
@pytest.mark.parametrize("name", ["wrn_16_1", "shufflev2"])  # signed inputs; groups, and code that asks for shapes
def test_in_whole_numbers_a_network_says_nearly_the_same(name: str) -> None:
    network = worn(unix_exp.model(name, num_classes=10)).eval()
    shown = [torch.randn(8, 3, 16, 16) + 1]
    cheap = frozen(network, "int8", 16, shown=lambda: shown)
    dense = [one for one in network.modules() if isinstance(one, nn.Conv2d) and one.groups == 1]
    assert sum(isinstance(one, WholeNumbers) for one in cheap.modules()) == len(dense) > 0
    images = torch.randn(16, 3, 16, 16) + 1
    with torch.no_grad():
        wanted, found = network(images), cheap(images)
    for one, other in zip((wanted.logits, *wanted.features), (found.logits, *found.features), strict=True):
        assert 0 < (one - other).norm() < 0.05 * one.norm()
    assert (wanted.logits.argmax(1) == found.logits.argmax(1)).float().mean() > 0.9


def test_a_network_shown_smaller_images_is_one_that_gets_them_made_by_hand() -> None:
    network = worn(unix_exp.model("resnet8", num_classes=10)).eval()
    images = torch.randn(2, 3, 32, 32)
    # A pixel of half the size is the mean of four.
    wanted = network(F.avg_pool2d(images, 2)).logits
    see_smaller(network, 0.5)
    torch.testing.assert_close(network(images).logits, wanted)
    torch.testing.assert_close(frozen(network, "float32", 32)(images).logits, wanted, rtol=1e-3, atol=1e-4)


def test_smaller_images_cost_what_they_cost_and_are_held_against_whole_ones() -> None:
    plain, asked = (unix_exp.model("resnet8", num_classes=10) for _ in range(2))
    see_smaller(asked, 0.75)
    by_hand = gflops(plain, 24) + 4 * 3 * 24 * 24 / 1e9  # four multiply-adds make a pixel
    assert gflops(asked, 32) == pytest.approx(by_hand)
    assert gflops_as_trained(asked, 32) == gflops(plain, 32)
    step = StepCost(Images(8, 0, 8, 8), 1.0, 2.0, teaching=16.0, forward=8.0, backward=8.0, plain_teacher=3.0)
    assert step.percent_of_kd() == pytest.approx(100 * (16 + 8 + 8) / (8 * (3 + 2)))


@needs_int8
@pytest.mark.usefixtures("finished")
def test_a_run_records_its_cheaper_teacher(tiny: Command) -> None:
    said = tiny("runtime.teacher_precision=int8", "teacher.shrink=0.5")
    assert said.code == 0, said.err
    assert "training it first" not in said.out, "the teacher is trained in float32 on whole images, once for all"
    found = [json.loads(path.read_text()) for path in Path("runs").glob("*/result.json")]
    plain, cheap = sorted(found, key=lambda one: -one["cost"]["gflops_per_image"]["teacher"])
    assert plain["teacher"]["top1"] == cheap["teacher"]["top1"]
    assert 0 <= cheap["teacher"]["asked"]["top1"] <= 100
    whole, small = (one["cost"]["gflops_per_image"]["teacher"] for one in (plain, cheap))
    spared = cheap["cost"]["images_per_step"]["taught"] * (whole - small)
    given = cheap["cost"]["images_per_step"]["given"]
    kd = given * (whole + 2 * plain["cost"]["gflops_per_image"]["student"])
    assert plain["cost"]["percent_of_kd"] - cheap["cost"]["percent_of_kd"] == pytest.approx(100 * spared / kd)
    (section,) = cheaper.sections(groups(read([Path("runs")])[0]))
    first, second = (row for row in section.blocks[0].rows if not isinstance(row, Heading))
    assert first[:2] == ["float32", "1"] and second[:2] == ["int8", "0.5"]
    assert second[2] == f"{cheap['teacher']['asked']['top1']:.2f}"
    assert second[5] == f"{cheap['cost']['percent_of_kd']:.2f}"
    assert "is finished" in tiny("teacher.shrink=1").out, "the size that they have makes no other run"


def test_what_is_no_cheaper_teacher_is_refused_in_a_line(tiny: Command) -> None:
    def refused(*words: str) -> str:
        said = tiny(*words)
        assert said.code == 2 and len(said.err.strip().splitlines()) == 1
        return said.err

    assert "teacher.shrink is 0.3; choose a number from 0.5 to 1" in refused("teacher.shrink=0.3")
    assert "student.shrink is no setting of a student" in refused("+student.shrink=0.5")
    changes = refused("teacher=resnet8", "student=resnet8", "teacher.checkpoint=average", "teacher.shrink=0.5")
    assert "teacher.shrink is for a network that training does not change" in changes


def test_int8_is_refused_where_no_processor_computes_it(tiny: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unix_exp.engine.runtime.computes_int8", lambda: False)
    said = tiny("runtime.teacher_precision=int8")
    assert said.code == 2 and "needs a CPU with instructions for it, and this processor has none" in said.err
