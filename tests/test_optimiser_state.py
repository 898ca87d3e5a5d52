"""A checkpoint's momentum fits the weights that it goes on with."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
import torch
from torch import nn

from unix_exp.engine.optimiser import optimiser_of
from unix_exp.engine.optimiser_state import load_optimiser_state, optimiser_state
from unix_exp.recipe import Recipe
from unix_exp.types import Mistake

RECIPE = Recipe(epochs=4, batch=16, lr=0.05, milestones=[2])
ADAMW = RECIPE.but(optimiser="adamw", lr=0.001)
FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


def made(memory_format: str, recipe: Recipe = RECIPE) -> tuple[nn.Conv2d, torch.optim.Optimizer]:
    torch.manual_seed(0)
    layer = nn.Conv2d(4, 16, 3).to(memory_format=FORMATS[memory_format])
    return layer, optimiser_of(recipe, layer.parameters())


def step(layer: nn.Conv2d, optimiser: torch.optim.Optimizer, number: int) -> None:
    """One update by gradients that are the same in any memory format."""
    generator = torch.Generator().manual_seed(number)
    for weight in layer.parameters():
        weight.grad = torch.empty_like(weight).copy_(torch.randn(weight.shape, generator=generator))
    optimiser.step()


def saved(layer: nn.Conv2d, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save({"layer": layer.state_dict(), "optimiser": optimiser_state(optimiser)}, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("first", FORMATS)
@pytest.mark.parametrize("then", FORMATS)
@pytest.mark.parametrize("recipe", [RECIPE, ADAMW, ADAMW.but(decay_norms=False)], ids=["sgd", "adamw", "groups"])
def test_continuing_in_another_memory_format_changes_no_bit(first: str, then: str, recipe: Recipe) -> None:
    unbroken, begun, continued = made(then, recipe), made(first, recipe), made(then, recipe)
    for number in range(4):
        step(*unbroken, number)
    for number in range(2):
        step(*begun, number)
    state = saved(*begun)
    continued[0].load_state_dict(state["layer"])
    load_optimiser_state(continued[1], state["optimiser"])
    for number in range(2, 4):
        step(*continued, number)
    assert torch.equal(continued[0].weight, unbroken[0].weight)
    assert torch.equal(continued[0].bias, unbroken[0].bias)


def test_an_optimiser_that_counts_steps_is_continued_too() -> None:
    layer, _ = made("contiguous")
    first, then = (torch.optim.Adam(layer.parameters()) for _ in range(2))
    step(layer, first, 0)
    load_optimiser_state(then, first.state_dict())
    assert then.state[layer.weight]["step"] == 1
    assert torch.equal(then.state[layer.weight]["exp_avg"], first.state[layer.weight]["exp_avg"])


@pytest.mark.parametrize(
    ("momentum", "complaint"),
    [
        (torch.zeros(16, 4, 1, 1), r"momentum_buffer of weight 0 is \[16, 4, 1, 1\]; this run's is \[16, 4, 3, 3\]"),
        (torch.zeros(16, 4, 3, 3, dtype=torch.bfloat16), "momentum_buffer of weight 0 is torch.bfloat16; this run's"),
        (torch.tensor(1.0), r"momentum_buffer of weight 0 is \[\]; this run's is \[16, 4, 3, 3\]"),
        (torch.zeros(16, 4, 3, 3).to_sparse(), "momentum_buffer of weight 0 is no plain tensor"),
        (5, "momentum_buffer of weight 0 is no plain tensor"),
    ],
)
def test_momentum_that_does_not_fit_is_refused(momentum: object, complaint: str) -> None:
    layer, optimiser = made("contiguous")
    step(layer, optimiser, 0)
    state = optimiser.state_dict()
    state["state"][0] = {"momentum_buffer": momentum}
    with pytest.raises(Mistake, match=complaint):
        load_optimiser_state(made("contiguous")[1], state)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("step", torch.zeros(3), r"step of weight 0 is \[3\]; this run's is \[\]"),
        ("step", torch.tensor(math.nan), "step of weight 0 is nan; it has to be finite"),
        ("step", 2, "step of weight 0 is no plain tensor"),
        ("exp_avg_sq", torch.zeros(16, 4, 1, 1), r"exp_avg_sq of weight 0 is \[16, 4, 1, 1\]; this run's is \[16, 4"),
        ("exp_avg", None, "the optimiser's state has no exp_avg of weight 0"),
    ],
)
def test_averages_and_counts_that_do_not_fit_are_refused(name: str, value: object, complaint: str) -> None:
    layer, optimiser = made("contiguous", ADAMW)
    step(layer, optimiser, 0)
    state = optimiser.state_dict()
    state["state"][0] = state["state"][0] | {name: value}
    if value is None:
        del state["state"][0][name]
    with pytest.raises(Mistake, match=complaint):
        load_optimiser_state(made("contiguous", ADAMW)[1], state)


def test_the_state_of_another_optimiser_is_refused() -> None:
    _, optimiser = made("contiguous")
    with pytest.raises(Mistake, match="the optimiser's state has no exp_avg of weight 0"):
        load_optimiser_state(made("contiguous", ADAMW)[1], optimiser_state(optimiser))


def test_the_state_of_more_weights_is_refused() -> None:
    layer, optimiser = made("contiguous")
    step(layer, optimiser, 0)
    state = optimiser.state_dict()
    state["state"][2] = state["state"][1]
    with pytest.raises(Mistake, match="the optimiser's state is for weight 2, but there are 2 weights"):
        load_optimiser_state(made("contiguous")[1], state)


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("params", [1, 0], r"the optimiser's params is \[1, 0\]; this run's is \[0, 1\]"),
        ("momentum", 5.0, "the optimiser's momentum is 5.0; this run's is 0.9"),
        ("nesterov", "x", "the optimiser's nesterov is x"),
        ("lr", "x", "the optimiser's lr is x"),
    ],
)
def test_options_that_are_not_the_recipe_s_are_refused(option: str, value: object, complaint: str) -> None:
    _, optimiser = made("contiguous")
    state = optimiser_state(optimiser)
    state["param_groups"][0][option] = value
    with pytest.raises(Mistake, match=complaint):
        load_optimiser_state(made("contiguous")[1], state)


def test_a_weight_without_momentum_among_others_is_refused() -> None:
    _, optimiser = made("contiguous")
    state = optimiser_state(optimiser)
    del state["state"][1]
    with pytest.raises(Mistake, match="the optimiser's state has no momentum_buffer of weight 1"):
        load_optimiser_state(made("contiguous")[1], state)
