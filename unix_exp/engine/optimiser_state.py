"""An optimiser's state in a checkpoint: the same for a captured step and an eager one, in any memory format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from unix_exp.types import Mistake


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """A captured step's learning rate is a tensor; in a checkpoint it is a number, so either kind continues."""
    state: dict[str, Any] = optimiser.state_dict()
    for group in state["param_groups"]:
        group["lr"] = float(group["lr"])
    return state


def load_optimiser_state(optimiser: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Continue from this state; where it doesn't fit the weights, a fused optimiser would read beyond its memory."""
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    for number, kept in state["state"].items():
        if not 0 <= number < len(weights):
            raise Mistake(f"the optimiser's state is for weight {number}, but there are {len(weights)} weights")
        for name, value in values_of(kept, weights[number]):
            wanted = weights[number]
            if value.shape != wanted.shape:
                raise Mistake(f"{name} of weight {number} is {list(value.shape)}; its weight is {list(wanted.shape)}")
            if value.dtype != wanted.dtype:
                raise Mistake(f"{name} of weight {number} is {value.dtype}; its weight is {wanted.dtype}")
    optimiser.load_state_dict(dict(state))
    with_strides_of_weights(optimiser)


def with_strides_of_weights(optimiser: torch.optim.Optimizer) -> None:
    """Give every momentum its weight's strides, also where it comes from a run in another memory format."""
    # A fused optimiser goes through both in the order of their memory, so it would add the wrong elements.
    for weight, kept in optimiser.state.items():
        for name, value in values_of(kept, weight):
            kept[name] = torch.empty_like(weight, requires_grad=False).copy_(value)


def values_of(kept: Mapping[str, Any], weight: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What is kept for each element of a weight, such as momentum; other optimisers count their steps beside it."""
    for name, value in list(kept.items()):
        if isinstance(value, Tensor) and (value.dim() or not weight.dim()):
            yield name, value


def set_lr(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Where a captured step reads the learning rate from the device, it is written there, in place."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr
