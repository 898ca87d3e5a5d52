"""A criterion that asks for the teacher's classifier gets the frozen one's, and it is no part of the criterion."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import stored
import torch
from assembled import RECIPE, Case, Noise, Tiny, first_batch, networks_of, settings_of, training, trial_of
from torch import Tensor, nn

from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Distiller, Kind, Parts
from unix_exp.engine.folding import frozen
from unix_exp.engine.loop import Training, train
from unix_exp.run.answers.choice import Choice
from unix_exp.run.assemble import assemble, facts_of
from unix_exp.run.trial import tried
from unix_exp.types import Mistake, Output

CASE = Case("offline", "everything", ("srrl",))
EXACT, LIVE = Choice(stored=True, views=2, precision="float32"), Choice(views=2)


def method(precision: str | None = None) -> Distiller:
    networks = networks_of(CASE)
    if precision is not None:
        networks["teacher"] = frozen(networks["teacher"], precision, Noise.size)
    return assemble(settings_of(CASE), networks, facts_of(Noise(), 16, 2, trial_of(CASE).shapes, Clock())).train()


def test_it_is_copied_with_the_teacher_and_in_no_state() -> None:
    one = method()
    other = copy.deepcopy(one)
    asked = [each.criterion.criteria["srrl"].teacher_classifier for each in (one, other)]  # type: ignore[attr-defined]
    assert asked[0].args[0] is one.teacher and asked[1].args[0] is other.teacher
    assert {name.split(".")[2] for name in one.criterion.state_dict()} == {"connector"}
    trained_too = {name for name, weight in one.named_parameters() if weight.requires_grad}
    assert not any(name.startswith("teacher") for name in trained_too)


def test_gradient_flows_through_a_frozen_folded_classifier_in_bf16() -> None:
    found = []
    for precision in (None, "float32", "bf16"):
        made = method(precision)
        loss = made(first_batch(training(CASE))).terms["srrl"]
        loss.backward()
        assert made.student.stem.weight.grad.any()  # type: ignore[union-attr, operator]
        assert all(weight.grad is None for weight in made.teacher.parameters())  # type: ignore[union-attr]
        found.append(loss.detach())
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=0)
    torch.testing.assert_close(found[2], found[0], rtol=0.02, atol=0)


class Silent(nn.Module):
    """A network that classifies nothing but images."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Tiny(6)

    def forward(self, images: Tensor) -> Output:
        output: Output = self.inner(images)
        return output


def test_a_teacher_that_cannot_classify_is_refused_in_one_line() -> None:
    with pytest.raises(Mistake, match=r"^the teacher, a Silent, cannot classify an embedding.*choose another network$"):
        tried(settings_of(CASE), {**networks_of(CASE), "teacher": Silent()}, Noise(), RECIPE)


class Taught(Distiller):
    """Trains its teacher too."""

    networks: ClassVar[Mapping[str, Kind]] = {"teacher": "trained"}


def test_a_method_without_a_frozen_teacher_is_refused_in_one_line() -> None:
    run = training(CASE)
    criterion = copy.deepcopy(run.method.criterion)
    asks: Any = criterion.criteria["srrl"]
    asks.teacher_classifier = None
    made, batch = Taught(Parts(networks_of(CASE), run.method.sampler, criterion)), first_batch(run)
    with pytest.raises(Mistake, match="asks the classifier of a frozen teacher, and this method has none"):
        criterion(made.study(batch), made.ask(batch), batch)


def trained(run: Training) -> dict[str, Tensor]:
    list(train(run))
    return run.method.state()


def test_stored_answers_hold_the_embedding_that_it_reads(tmp_path: Path) -> None:
    run = stored.training(CASE, EXACT, tmp_path)
    assert run.views.parts == ("logits", "embedding")  # type: ignore[attr-defined]
    kept = trained(run)
    for name, value in trained(stored.training(CASE, LIVE, tmp_path)).items():
        torch.testing.assert_close(kept[name], value, msg=name)


def test_maps_are_stored_where_the_last_stage_is_compared(tmp_path: Path) -> None:
    case = Case("offline", "everything", ("simkd",))
    with pytest.raises(Mistake, match=r"feature maps, which take .*answers.features=true"):
        stored.training(case, EXACT, tmp_path)
    kept = trained(stored.training(case, replace(EXACT, features=True), tmp_path))
    for name, value in trained(stored.training(case, LIVE, tmp_path)).items():
        torch.testing.assert_close(kept[name], value, msg=name)
