"""Batch norms that keep their statistics while their network is trained."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from assembled import RECIPE, Case, Noise, first_batch, networks_of, settings_of, training
from torch import Tensor, nn

from unix_exp.distillers.scouting import scout
from unix_exp.engine.evaluate import evaluate
from unix_exp.engine.loop import Training, train
from unix_exp.engine.parallel import with_batch_norms_together
from unix_exp.engine.still import Still
from unix_exp.run.trial import tried
from unix_exp.types import Output

CASES = [Case("offline", "unix", ("kd", "ce"), (("scout_mode", mode),)) for mode in ("train", "frozen", "eval")]
CASES += [Case("offline", "everything", ("kd",), average=True)]
STILL = RECIPE.but(freeze_batch_norm=True)
KEPT = ("running_mean", "running_var", "num_batches_tracked")


def still_training(case: Case) -> Training:
    run = training(case, recipe=STILL)
    for norm in norms_of(run.method.student):
        norm.running_mean.fill_(-0.1)  # as if it came with them
    return run


def norms_of(network: nn.Module) -> list[Any]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_training_leaves_the_statistics_alone_and_trains_the_rest(case: Case) -> None:
    run = still_training(case)
    before = copy.deepcopy(run.method.student.state_dict())
    list(train(run))
    after = run.method.student.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if not name.endswith(KEPT)}, "scale and shift are trained too"


def test_the_training_pass_normalises_by_the_running_statistics() -> None:
    run = still_training(CASES[0])
    run.method.train()
    images = first_batch(run).images
    seen: list[Tensor] = []

    def compare(norm: Any, given: tuple[Tensor], answer: Tensor) -> None:
        seen.append(answer - shown(norm, *given))

    norms_of(run.method.student)[0].register_forward_hook(compare)
    run.method(first_batch(run))
    assert len(seen) == 2 and all(difference.abs().max() < 1e-5 for difference in seen), "scouting and training"
    whole: Output = run.method.student(images)
    part: Output = run.method.student(images[:3])
    torch.testing.assert_close(whole.logits[:3], part.logits)


def shown(norm: Any, maps: Tensor) -> Tensor:
    mean, variance, scale, shift = (
        one.view(1, -1, 1, 1) for one in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return (maps - mean) / (variance + norm.eps).sqrt() * scale + shift


def test_whoever_wakes_a_network_leaves_them_asleep() -> None:
    run = still_training(CASES[0])
    student, norms = run.method.student, norms_of(run.method.student)
    run.method.train()
    assert student.training and not any(norm.training for norm in norms)
    for mode in ("train", "frozen", "eval"):
        scout(student, first_batch(run).images, mode)
        assert student.training and not any(norm.training for norm in norms)
    evaluate(student, run.data, 16, run.runtime, lambda things, label, total: things)
    assert student.training and not any(norm.training for norm in norms)
    with_batch_norms_together(student, torch.device("cpu"))
    assert all(isinstance(norm, Still) for norm in norms), "several processes have nothing to exchange"
    assert all(isinstance(norm, Still) for norm in norms_of(copy.deepcopy(student)))


def test_heads_of_a_method_are_new_and_gather_statistics_of_their_own() -> None:
    run = still_training(CASES[0])
    run.method.add_module("head", nn.BatchNorm2d(4))
    assert run.method.train().get_submodule("head").training


def test_what_it_costs_is_counted_of_the_pass_that_is_made() -> None:
    plain, kept = (tried(settings_of(CASES[0]), networks_of(CASES[0]), Noise(), recipe) for recipe in (RECIPE, STILL))
    assert not kept.ledger.unpriced
    assert kept.ledger.first == plain.ledger.first, "a batch norm has one price"
