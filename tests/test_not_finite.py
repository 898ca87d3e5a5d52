"""A loss or a weight that is no number any more: found soon, named, and never written."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from common import Command, only
from plugged import forgotten_afterwards
from safetensors.torch import load_file
from torch import Tensor

from unix_exp.criteria.ce import CE
from unix_exp.engine.finite import EVERY, LossWatch
from unix_exp.engine.step import Means
from unix_exp.registry import criteria
from unix_exp.run.checkpoint import read_state
from unix_exp.types import Losses, Mistake

FAST = ("distiller=supervised", "student=resnet8", "runtime.threads=1")
STEEP = (*FAST, "~criterion", "+criterion.steep.weight=1")


def losses(ce: float, kd: float = 1.0) -> Losses:
    return Losses({"ce": torch.tensor(ce), "kd": torch.tensor(kd)}, torch.arange(2), {"seen": torch.tensor(math.nan)})


def steps_until_found(wrong: int, watch: LossWatch, value: float = math.nan) -> int:
    """How many steps are done when the loss of one of them, counted from 1, is found not to be finite."""
    means = Means()
    for step in range(1, 1000):
        means.add(losses(value if step == wrong else 1.0))
        try:
            watch(means)
        except Mistake as found:
            mistake = found
            break
    assert "its term ce became so" in str(mistake)
    assert "epoch 3" in str(mistake)
    return step


@pytest.mark.parametrize("wrong", [1, EVERY, EVERY + 1, 3 * EVERY - 1])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_is_found_within_a_hundred_steps(wrong: int, value: float) -> None:
    found = steps_until_found(wrong, LossWatch(torch.device("cpu"), epoch=3, lr=0.1), value)
    assert wrong <= found < wrong + EVERY


class Late:
    """An event of a device that is so many questions behind."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def record(self, stream: object) -> None:
        pass

    def query(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("behind", [0, 1, EVERY - 1])
def test_on_a_gpu_it_is_found_without_waiting_once_the_copy_is_there(
    behind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "Event", lambda: Late(behind))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    real = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *shape, pin_memory, **named: real(*shape, **named))
    found = steps_until_found(1, LossWatch(torch.device("cuda"), epoch=3, lr=0.1))
    assert EVERY < found <= 2 * EVERY and found == EVERY + 1 + behind


class Breaks(CE):
    """NaN from an epoch on, with a gradient that is finite."""

    def __init__(self, facts: object, after: int) -> None:
        super().__init__()
        self.clock, self.after = facts.clock, after  # type: ignore[attr-defined]

    def __call__(self, student: object, teacher: object, batch: object) -> Tensor:
        loss: Tensor = super().__call__(student, teacher, batch)  # type: ignore[arg-type]
        return loss + torch.where(self.clock.epoch >= self.after, math.nan, 0.0)


class Steep(CE):
    """An ordinary loss with a gradient beyond all numbers: one update breaks the weights."""

    def __call__(self, student: object, teacher: object, batch: object) -> Tensor:
        loss: Tensor = super().__call__(student, teacher, batch)  # type: ignore[arg-type]
        return loss + (loss - loss.detach()) * 1e30 * 1e30


@pytest.fixture
def breaks() -> Iterator[None]:
    """Registered for one test only: what is registered when the tests are collected is tested as a method of ours."""
    with forgotten_afterwards():
        criteria.register("breaks")(Breaks)
        criteria.register("steep")(Steep)
        yield


def test_the_last_good_checkpoint_is_kept_and_the_step_named(breaks: None, tiny: Command) -> None:
    said = tiny(
        "distiller=supervised", "~criterion", "+criterion.breaks.after=1", "student=resnet8", "recipe.epochs=3",
        "dataset.train_count=420", "recipe.batch=4", "dataset.test_count=24", "runtime.checkpoint_minutes=null",
    )  # fmt: skip
    assert said.code == 2, said
    message = (only(Path("runs")) / "failure.txt").read_text()
    assert "the loss is nan in epoch 2: its term breaks became so in steps 1 to 100" in message
    assert message.strip() in said.err and "lower recipe.lr (now 0.0" in message
    state = read_state(only(Path("runs")) / "checkpoint.pt")
    assert state["progress"]["epoch"] == 1
    assert all(one.isfinite().all() for one in state["method"].values() if one.is_floating_point())


@pytest.mark.parametrize("steps", [1, 6])
def test_weights_that_the_last_update_broke_are_no_student(breaks: None, tiny: Command, steps: int) -> None:
    count = f"dataset.train_count={32 * steps}"
    said = tiny(*STEEP, "recipe.lr=0.1", "recipe.epochs=1", "recipe.batch=32", count)
    assert said.code == 2, said
    if steps == 1:
        assert "not finite after step 1 of epoch 1; lower recipe.lr (now 0.1)" in said.err
    assert {path.name for path in only(Path("runs")).iterdir()} <= {"config.yaml", "failure.txt", ".lock"}


def test_no_checkpoint_within_an_epoch_is_written_of_weights_that_are_not_finite(breaks: None, tiny: Command) -> None:
    said = tiny(*STEEP, "recipe.epochs=1", "runtime.checkpoint_minutes=0.00001")
    assert said.code == 2 and "not finite after step 1 of epoch 1" in said.err
    assert not (only(Path("runs")) / "checkpoint.pt").exists()


def test_a_memory_may_hold_what_is_not_finite(tiny: Command) -> None:
    """Infinity stands for images that were never seen."""
    root = Path(__file__).parents[1]
    said = tiny(f"plugins={root}/examples/memory.py", "sampler=memory", "recipe.epochs=1", "student=resnet8")
    assert said.code == 0, said.err
    weights = load_file(only(Path("runs")) / "student.safetensors")
    assert all(one.isfinite().all() for one in weights.values() if one.is_floating_point())
