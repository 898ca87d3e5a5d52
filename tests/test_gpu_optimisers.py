"""What only a GPU can show of optimisers: recorded with their counts and averages, they do what they do eagerly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from common import Small

import unix_exp
from unix_exp.criteria.kd import KD
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.engine.cuda_graph import CapturedStep
from unix_exp.engine.optimiser import optimiser_of
from unix_exp.engine.optimiser_state import load_optimiser_state, optimiser_state, set_lr
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.step import Step
from unix_exp.engine.still import with_still_batch_norms
from unix_exp.recipe import Recipe
from unix_exp.types import Batch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")

RECIPE = Recipe(epochs=4, batch=16, lr=0.001, milestones=[1], optimiser="adamw", options={"eps": 1e-3})
RECIPES = {
    "adamw": RECIPE,
    "in groups": RECIPE.but(decay_norms=False),
    "without state": RECIPE.but(optimiser="sgd", momentum=0.0),
}


def made(kind: type[Step], recipe: Recipe) -> Step:
    torch.manual_seed(0)
    runtime = Runtime(device="cuda")
    parts = Parts(
        {"student": Small(), "teacher": Small()}, unix_exp.sampler("unix", k=12), Weighted({"kd": KD()}, {"kd": 1.0})
    )
    method = runtime.settled(Offline(parts))
    with_still_batch_norms(method.get_submodule("student"))
    weights = [weight for weight in method.parameters() if weight.requires_grad]
    return kind(method.train(), optimiser_of(recipe, weights), runtime)


def batches(epoch: int) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(epoch)
    for _ in range(5):
        images = torch.randn(16, 3, 32, 32, generator=generator).cuda()
        yield Batch(images, torch.eye(10).cuda()[torch.arange(16) % 10], torch.arange(16).cuda())


def run(step: Step, epoch: int, recipe: Recipe) -> None:
    torch.manual_seed(epoch)
    set_lr(step.optimiser, recipe.lr_at(epoch))
    for batch in batches(epoch):
        step(batch)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("kinds", [(CapturedStep, CapturedStep), (CapturedStep, Step), (Step, CapturedStep)])
def test_a_recorded_step_updates_as_an_eager_one_and_either_continues_the_other(
    name: str, kinds: tuple[type[Step], type[Step]]
) -> None:
    recipe = RECIPES[name]
    eager, first, then = made(Step, recipe), made(kinds[0], recipe), made(kinds[1], recipe)
    for epoch in range(2):
        run(eager, epoch, recipe)
    run(first, 0, recipe)
    then.method.load_state(first.method.state())
    load_optimiser_state(then.optimiser, optimiser_state(first.optimiser))
    run(then, 1, recipe)
    for step in (first, then):
        assert not isinstance(step, CapturedStep) or step.recording is not None
    torch.testing.assert_close(then.method.state_dict(), eager.method.state_dict(), rtol=1e-3, atol=1e-5)
    for kept in then.optimiser.state.values():
        assert float(kept["step"]) == 10
