"""A method that costs more than plain distillation says so as a run begins; its ledger knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from unix_exp.cost.ledger import Beforehand, Images, Ledger, StagePlan, StepCost
from unix_exp.run.remarks import of_cost


def ledger(scouted: int, kept: int, teacher: float = 1.0, other: float = 0.0) -> Ledger:
    """Two epochs of 64 images a step, student and teacher alike unless the teacher is said to be larger."""
    step = replace(StepCost.of_images(Images(64, scouted, kept, kept), 1.0, teacher), other=other)
    return Ledger({"train": StagePlan(2, step)}, 2, 10)


def test_a_look_at_all_images_that_keeps_too_many_is_dearer() -> None:
    (said,) = of_cost(ledger(64, 60))
    assert said == (
        "this method's counted compute is 127 % of conventional KD, which would be cheaper; "
        "of it looks of the student before training 33 %"
    )


def test_all_that_is_extra_is_named() -> None:
    made = replace(ledger(0, 64, other=192.0), beforehand=Beforehand(960.0, 960.0, 1.0))
    (said,) = of_cost(made)
    assert said.endswith("of it heads, losses and further networks 100 %, networks trained or fitted beforehand 25 %")
    (said,) = of_cost(replace(ledger(64, 60), at_most=True))
    assert "counted compute is up to 127 % of" in said


@pytest.mark.parametrize(
    "cheap",
    [ledger(64, 48, teacher=20.0), ledger(0, 64), ledger(0, 64, other=0.9), ledger(64, 64, teacher=0.0)],
    ids=["cheaper", "kd itself", "less than half a per cent", "no teacher"],
)
def test_nothing_else_says_anything(cheap: Ledger) -> None:
    assert list(of_cost(cheap)) == []
