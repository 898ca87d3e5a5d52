"""What somebody writes who knows only the documentation works, or is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from own import register, trained, trial
from torch import Tensor, nn

import unix_exp
from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.engine.folding import frozen
from unix_exp.registry import criteria, distillers, samplers
from unix_exp.samplers.selection import take
from unix_exp.types import Batch, Facts, Losses, Mistake, Output, Scout

pytestmark = pytest.mark.usefixtures("taught")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Adapted(nn.Module):
    """Adapters as the field writes them, without a thought of the precision."""

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        widths = [facts.shapes[role].stages[0].shape[1] for role in ("student", "teacher")]
        self.adapter = nn.Conv2d(widths[0], widths[1], 1)

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        return F.mse_loss(self.adapter(student.stages[0]), teacher.stages[0], reduction="none").mean((1, 2, 3))


def test_a_criterion_with_adapters_trains_in_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, criteria, adapted=Adapted)
    losses = [record.values["train/adapted"] for record in trained("criterion=adapted", "runtime.precision=bf16")]
    assert losses and all(0 < loss < float("inf") for loss in losses)


class Bare(nn.Module):
    """A module with no constructor of its own."""

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        return (student.logits - teacher.logits).square().mean(1)


def test_a_module_without_a_constructor_has_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, criteria, bare=Bare)
    assert trial(criterion={"bare": {}}).ledger.first.images.learned == 16
    with pytest.raises(Mistake, match="^criterion.bare 'bare' has no setting 'args'"):
        trial(criterion={"bare": {"args": 1}})


class Reused(Distiller):
    """Reads the student's embedding with the teacher's classifier."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.train()

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        teacher, student = self.ask(batch), self.study(batch)
        assert teacher is not None
        read = self.teacher.fc(student.embedding)  # type: ignore[operator, union-attr]
        return Losses({"reused": (read - teacher.logits).square().mean()}, batch.index)


def test_a_method_may_use_a_part_of_its_frozen_teacher(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, distillers, reused=Reused)
    assert len(trained("distiller=reused", "student=resnet8", "teacher=resnet8")) > 0


def test_a_part_that_no_network_has_is_still_an_error() -> None:
    network = frozen(unix_exp.model("resnet8"), "float32", 32)
    with pytest.raises(AttributeError, match="no attribute 'classifier'"):
        network.classifier  # noqa: B018


class OnTheCPU:
    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        return take(batch, (scout(batch.images).logits[:, 0] + torch.rand(len(batch.images))).argsort()[:8])


class Holding:
    networks = ("holdout",)

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        return take(batch, scout(batch.images, who="holdout").logits[:, 0].argsort()[:8])


def test_a_setting_of_a_network_that_is_not_chosen_is_of_the_students_architecture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(monkeypatch, samplers, holding=Holding)
    assert len(trained("sampler=holding", "+networks.holdout.checkpoint=average")) > 0


class Detached(nn.Module):
    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        return teacher.logits.square().mean(1)


def test_a_loss_without_a_gradient_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, criteria, detached=Detached)
    with pytest.raises(Mistake, match=r"^no term of the loss has a gradient \(detached\)"):
        trial(criterion={"detached": {}})


def test_a_tensor_on_another_device_is_refused_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, on_the_cpu=OnTheCPU)
    with pytest.raises(Mistake, match=r"^test_outsiders.py, line \d+ uses a tensor .*device=batch.images.device"):
        trial(sampler="on_the_cpu")


CHOSEN: dict[str, tuple[Any, str]] = {
    "a list": (list(range(48)), "begin returned list"),
    "a mask": (torch.ones(48, dtype=torch.bool), r"begin returned torch.bool \[48\].*mask.nonzero"),
    "floats": (torch.rand(48), "begin returned torch.float32"),
    "too few": (torch.arange(3), "chose 3 images for epoch 1; a batch needs"),
    "beyond the last": (torch.arange(1, 49), "chose images 1 to 48 for epoch 1; the training images are 0 to 47"),
    "below the first": (torch.arange(-1, 47), "chose images -1 to 46"),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_an_epoch_s_images_that_cannot_be_are_refused(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen, said = CHOSEN[case]

    class Choosing:
        def begin(self, epoch: int) -> Any:
            return chosen

        def __call__(self, batch: Batch, scout: Scout) -> Batch:
            return batch

    register(monkeypatch, samplers, choosing=Choosing)
    with pytest.raises(Mistake, match=f"^the sampler.*{said}") as refused:
        trained("sampler=choosing")
    assert "\n" not in str(refused.value)


class Growing:
    """Trains on more images in every epoch, and counts the epochs itself."""

    def __init__(self) -> None:
        self.epochs = 0

    def begin(self, epoch: int) -> Tensor:
        self.epochs += 1
        return torch.arange(16 * self.epochs)

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        return batch


def test_what_begin_keeps_outside_the_state_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, growing=Growing)
    with pytest.raises(Mistake, match="^sampler changes 'epochs' in begin but does not keep it in its state"):
        trained("sampler=growing", "recipe.epochs=3")


class Drawing:
    """Notes the epoch and draws the images anew: the same in a continued run, for both follow from the epoch."""

    def begin(self, epoch: int) -> Tensor:
        self.epoch, self.order = epoch, torch.randperm(48)
        return self.order[: 16 + 16 * (epoch % 2)]

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        return batch


def test_what_begin_makes_anew_in_every_epoch_is_no_state(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, samplers, drawing=Drawing)
    trained("sampler=drawing", "recipe.epochs=3")
