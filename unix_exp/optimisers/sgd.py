"""Stochastic gradient descent with momentum: how the paper's networks are trained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

from unix_exp.ranges import Range
from unix_exp.registry import optimisers
from unix_exp.types import Mistake

if TYPE_CHECKING:
    from torch.optim import Optimizer


@optimisers.register("sgd")
def build(
    weights: Iterable[Any],
    lr: float,
    weight_decay: float,
    momentum: Annotated[float, Range(0, 1, below=True), "the part of the last step that the next one keeps"] = 0.9,
    nesterov: Annotated[bool, "Nesterov's momentum: the gradient counts once more"] = False,
) -> Optimizer:
    """PyTorch's own, whose momenta are there from the beginning."""
    import torch  # here, because the report asks for these settings and needs no PyTorch

    from unix_exp.optimisers.uncompiled import plain

    if nesterov and not momentum:
        raise Mistake("nesterov is true, which needs momentum above 0")
    made: Optimizer = plain(torch.optim.SGD)(
        weights,
        lr=lr,
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=weight_decay,
        fused=True,  # one kernel for all weights, on the CPU too
    )
    if momentum:
        # SGD's first step would make the momentum out of nothing; out of zero comes the same. Fused SGD cannot mix
        # weights with a momentum and weights without, such as those whose first gradient comes late.
        for weight in (weight for group in made.param_groups for weight in group["params"]):
            made.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    return made


setattr(build, "usual", True)  # noqa: B010  # of a recipe that names no optimiser, as none did before there was a choice
