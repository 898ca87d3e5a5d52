"""An optimiser's state in a checkpoint: the same for a captured step and an eager one, in any memory format."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from unix_exp.types import Mistake

CAPTURABLE = "capturable"  # an option of PyTorch's optimisers that count steps: they may be recorded as a CUDA graph


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """A captured step's learning rate is a tensor; in a checkpoint it is a number, so either kind continues."""
    state: dict[str, Any] = optimiser.state_dict()
    for group in state["param_groups"]:
        group["lr"] = float(group["lr"])
        if CAPTURABLE in group:
            group[CAPTURABLE] = False
    return state


def load_optimiser_state(optimiser: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Continue from this state; where it doesn't fit the weights, a fused optimiser would read beyond its memory."""
    weights = [weight for group in optimiser.param_groups for weight in group["params"]]
    for number, kept in state["state"].items():
        if not 0 <= number < len(weights):
            raise Mistake(f"the optimiser's state is for weight {number}, but there are {len(weights)} weights")
        check_values(number, kept, optimiser.state.get(weights[number], {}))
    for number, weight in enumerate(weights):
        if lacking := set(optimiser.state.get(weight, {})) - set(state["state"].get(number, {})):
            raise Mistake(f"the optimiser's state has no {min(lacking)} of weight {number}")
    groups = optimiser.state_dict()["param_groups"]
    for own, group in zip(groups, state["param_groups"], strict=True):
        check_options(own, group)
    optimiser.load_state_dict({**state, "param_groups": groups})  # with the options of this run, such as its kernels
    with_strides_of_weights(optimiser)


def check_values(number: int, kept: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """What an optimiser has from the beginning keeps its shape; what another one makes later is its own business."""
    for name, mine in own.items():
        if name not in kept or not isinstance(mine, Tensor):
            continue
        theirs = kept[name]
        if not isinstance(theirs, Tensor) or theirs.layout != mine.layout:
            raise Mistake(f"{name} of weight {number} is no plain tensor")
        if theirs.shape != mine.shape:
            raise Mistake(f"{name} of weight {number} is {list(theirs.shape)}; this run's is {list(mine.shape)}")
        if theirs.dtype != mine.dtype:
            raise Mistake(f"{name} of weight {number} is {theirs.dtype}; this run's is {mine.dtype}")
        if not mine.dim() and not math.isfinite(theirs):
            raise Mistake(f"{name} of weight {number} is {float(theirs)}; it has to be finite")


def check_options(own: Mapping[str, Any], group: Mapping[str, Any]) -> None:
    """They are the recipe's; the learning rate is set anew, and which kernels are used may differ by device."""
    for name, mine in own.items():
        theirs = group.get(name, mine)
        if name == "lr":
            fits = isinstance(theirs, (int, float))
        elif isinstance(mine, bool) or mine is None:
            fits = isinstance(theirs, bool) or theirs is None
        else:
            fits = type(theirs) is type(mine) and theirs == mine
        if not fits:
            raise Mistake(f"the optimiser's {name} is {str(theirs)[:40]}; this run's is {str(mine)[:40]}")


def with_strides_of_weights(optimiser: torch.optim.Optimizer) -> None:
    """Give every momentum its weight's strides, also where it comes from a run in another memory format."""
    # A fused optimiser goes through both in the order of their memory, so it would add the wrong elements.
    for weight, kept in optimiser.state.items():
        for name, value in values_of(kept, weight):
            kept[name] = torch.empty_like(weight, requires_grad=False).copy_(value)


def values_of(kept: Mapping[str, Any], weight: Tensor) -> Iterator[tuple[str, Tensor]]:
    """What is kept for each element of a weight, such as momentum; other optimisers count their steps beside it."""
    for name, value in list(kept.items()):
        if isinstance(value, Tensor) and value.shape == weight.shape:
            yield name, value


def set_lr(optimiser: torch.optim.Optimizer, lr: float) -> None:
    """Where a captured step reads the learning rate from the device, it is written there, in place.

    Any other step gets the same number, which is rounded to float32: SGD on the CPU rounds it anyway, AdamW does not.
    """
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = torch.tensor(lr, dtype=torch.float32).item()
