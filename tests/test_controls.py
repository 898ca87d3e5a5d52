"""The controls of stored answers spend what they say, on one schedule; recall ranks by what the student last said."""

from __future__ import annotations

import itertools

import pytest
import torch
from assembled import Case, Noise, training

from unix_exp.engine.loop import train
from unix_exp.recipe import Recipe
from unix_exp.registry import samplers
from unix_exp.types import Batch, Facts, Mistake, Output

EARLY = Case("early", "everything", ("kd",))
SHORT = Case("shortened", "everything", ("kd",))
COSINE = Recipe(epochs=10, batch=16, lr=0.1, milestones=[], schedule="cosine")


def test_early_distillation_follows_one_schedule() -> None:
    run = training(Case("early", "everything", ("kd",), way=(("share", 0.3),)))
    taught, alone = run.method.stages(COSINE)
    assert (taught.recipe.epochs, alone.recipe.epochs) == (3, 7)
    found = [taught.lr_at(epoch, 0) for epoch in range(3)] + [alone.lr_at(epoch, 3) for epoch in range(3, 10)]
    assert found == [COSINE.lr_at(epoch) for epoch in range(10)]


def test_early_distillation_asks_no_teacher_afterwards() -> None:
    run = training(EARLY)
    asked: list[int] = []
    run.method.get_submodule("teacher").register_forward_hook(lambda *_: asked.append(run.progress.epoch))
    run.analysis = None
    records = list(train(run))
    assert set(asked) == {0, 1}, "two epochs of each stage"
    assert "train/kd" in records[0].values and "train/labels" in records[-1].values
    assert "train/kd" not in records[-1].values
    spent = [record.values["cost/teacher_gflops"] for record in records]
    assert spent[0] < spent[1] == spent[2] == spent[3]


def test_early_epochs_on_smaller_images_cost_the_student_less_and_the_teacher_the_same() -> None:
    run = training(Case("progressive", "everything", ("kd",)))
    sides: dict[str, set[int]] = {"student": set(), "teacher": set()}
    for role, seen in sides.items():
        network = run.method.get_submodule(role)
        network.register_forward_pre_hook(lambda _, given, seen=seen: seen.add(given[0].shape[-1]))
    run.analysis = None
    spent = [0.0]
    for record in train(run):
        spent.append(record.values["cost/student_forward_gflops"])
    small, *_, whole = (after - before for before, after in itertools.pairwise(spent))
    assert sides["teacher"] == {8} and sides["student"] == {6, 8}, "three quarters of 8 pixels"
    assert small < 0.75 * whole


def test_a_shortened_run_is_held_against_the_whole_schedule() -> None:
    run = training(SHORT)  # half of two epochs
    ledger = run.ledger
    assert ledger.epochs == 1
    assert ledger.planned_percent() == pytest.approx(50)
    assert ledger.percent_of_kd({"train": 4}, 1, 2) == pytest.approx(50)
    longer = Case("shortened", "everything", ("kd",), way=(("share", 1.0),))
    assert training(longer).ledger.planned_percent() == pytest.approx(100)


def test_a_shortened_schedule_is_the_same_curve_compressed() -> None:
    recipe = Recipe(epochs=240, batch=64, lr=0.1, milestones=[148, 0.75, 212], warmup_epochs=8)
    short = recipe.shortened(60)
    assert short.epochs == 60 and short.warmup_epochs == 2
    for epoch in range(8, 240, 4):
        assert short.lr_at(epoch // 4) == pytest.approx(recipe.lr_at(epoch), rel=1e-9)


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_a_share_that_leaves_a_stage_empty_is_refused(share: float) -> None:
    with pytest.raises(Mistake, match=r"distiller.share is .*; choose a number between 0 and 1"):
        training(EARLY._replace(way=(("share", share),)))


def test_recall_keeps_what_the_student_was_least_sure_of_when_it_last_saw_it() -> None:
    facts = Facts(10, 64, 16, 2, 8, {}, None)  # type: ignore[arg-type]
    recall = samplers.make("recall", {"k": 4}, facts=facts)
    data = Noise()
    data.load("cpu")
    batch = next(iter(data.train_batches(16, 0)))

    def never(*_: object, **__: object) -> Output:
        raise AssertionError("it looks at no network")

    unseen = recall(batch, never)
    assert unseen.index.tolist() == batch.index[:4].tolist()
    sure = torch.linspace(9, 0, 16)[:, None] * torch.eye(10)[0]  # the first images of the batch are the surest
    recall.learned(batch, Output(sure, (), sure))
    assert recall(batch, never).index.tolist() == batch.index[12:].flip(0).tolist()
    new = Batch(
        batch.images[:2],
        batch.targets[:2],
        batch.index.new_tensor([i for i in range(64) if i not in batch.index.tolist()][:2]),
    )
    both = Batch(*(torch.cat([one, other]) for one, other in zip(batch[:3], new[:3], strict=True)))
    assert set(new.index.tolist()) <= set(recall(both, never).index.tolist()), "an image not seen yet comes first"
