"""A training in stages: each has its epochs, learning rate, objective and a fresh optimiser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from common import only
from own import check_that_it_resumes, kept, register, trained
from torch import nn

from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.engine import loop
from unix_exp.recipe import Recipe
from unix_exp.registry import distillers
from unix_exp.types import Batch, Losses, Mistake, Stage


class Staged(Offline):
    """First the head alone is trained, to tell the classes by the embedding; then the student."""

    def __init__(self, parts: Parts, more: int = 2) -> None:
        super().__init__(parts)
        self.more, self.head = more, nn.Linear(64, 24)
        self.train()

    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        return Stage("head", recipe), Stage("student", recipe.but(epochs=self.more, lr=recipe.lr / 10, milestones=[1]))

    def forward(self, batch: Batch, stage: str = "head") -> Losses:
        batch = self.sampler(batch, self.look)
        student = self.study(batch)
        if stage == "head":
            loss = F.cross_entropy(self.head(student.embedding.detach()), batch.targets)
            return Losses({"head": loss}, batch.index)
        return Losses(self.criterion(student, self.ask(batch), batch), batch.index)


@pytest.fixture(autouse=True)
def staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    register(monkeypatch, distillers, staged=Staged)


WORDS = (
    "distiller=staged", "sampler=everything", "recipe.epochs=2", "recipe.lr=0.1", "recipe.schedule=steps",
    "recipe.milestones=[]",
)  # fmt: skip


def test_epochs_of_stages_add_up_and_each_has_its_own_learning_rate_and_losses(
    capfd: pytest.CaptureFixture[str],
) -> None:
    records = trained(*WORDS, "distiller.more=3")
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5]
    assert [record.values["train/lr"] for record in records] == pytest.approx([0.1, 0.1, 0.01, 0.001, 0.001])
    assert [record.values["train/stage"] for record in records] == [1, 1, 2, 2, 2]
    assert ["train/head" in record.values for record in records] == [True, True, False, False, False]
    assert ["train/kd" in record.values for record in records] == [False, False, True, True, True]
    said = capfd.readouterr().out
    assert "5 epochs" in said and " 5/5 " in said
    assert "stage head: 2 epochs, learning rate 0.1" in said
    assert "stage student: 3 epochs, learning rate 0.01" in said
    result = json.loads((only(Path("runs")) / "result.json").read_text())
    assert result["stages"] == [{"name": "head", "epochs": 2}, {"name": "student", "epochs": 3}]
    assert result["steps"] == 5 * 3


def test_each_stage_has_its_own_price() -> None:
    records = trained(*WORDS)
    spent = [record.values["cost/teacher_gflops"] for record in records]
    assert spent[:2] == [0, 0] and 0 < spent[2] == pytest.approx(spent[3] / 2)
    head = 16 * 64 * 24 / 1e9  # of a step, forward
    assert records[1].values["cost/other_gflops"] == pytest.approx(6 * head)
    assert records[3].values["cost/other_gflops"] == pytest.approx(6 * head), "the second stage has no head to pay"
    result = json.loads((only(Path("runs")) / "result.json").read_text())
    first, second = result["cost"]["stages"]
    assert first["gflops_per_step"] < second["gflops_per_step"]
    assert result["cost"]["gflops"]["total_gflops"] == pytest.approx(
        6 * first["gflops_per_step"] + 6 * second["gflops_per_step"]
    )


def test_a_stage_begins_with_a_fresh_optimiser(monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = [], loop.optimiser_of

    def noting(recipe: Recipe, weights: Any) -> torch.optim.Optimizer:
        made.append(make(recipe, weights))
        return made[-1]

    monkeypatch.setattr(loop, "optimiser_of", noting)
    trained(*WORDS)
    first, second = [one for one in made if len(one.state) > 2][-2:]  # the teacher's comes before them
    assert first is not second
    moved = [kept["momentum_buffer"].abs().sum() > 0 for kept in second.state.values()]
    assert moved == [True] * (len(moved) - 2) + [False] * 2, "the head, last, has had no gradient in this stage"


@pytest.mark.usefixtures("taught")
def test_leaving_in_either_stage_or_between_them_changes_no_bit() -> None:
    check_that_it_resumes(*WORDS, after=(1, 2, 3))


@pytest.mark.usefixtures("taught")
def test_the_head_is_in_the_checkpoint_and_the_teacher_is_not() -> None:
    trained(*WORDS, stop=1)
    roles = {name.partition(".")[0] for name in kept()["method"]}
    assert roles == {"student", "head"}
    assert kept()["stage"] == "head"


class TwiceTheSame(Staged):
    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        return Stage("train", recipe), Stage("train", recipe)


class OtherBatch(Staged):
    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        return Stage("a", recipe), Stage("b", recipe.but(batch=8))


class NoStage(Staged):
    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        return ()


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [
        (TwiceTheSame, r"stages are \['train', 'train'\]; give one or more, each with a name of its own"),
        (OtherBatch, r"differ in their batch; all stages share recipe\.batch"),
        (NoStage, r"stages are \[\]"),
    ],
)
def test_stages_that_cannot_be_are_refused_in_one_line(
    kind: type, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, distillers, wrong=kind)
    with pytest.raises(Mistake, match=complaint):
        trained("distiller=wrong")
    assert not Path("teachers").exists()
