"""AdamW: steps scaled by each gradient's own size, and a decay of the weights apart from it; for fine-tuning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from unix_exp.ranges import Range
from unix_exp.registry import optimisers
from unix_exp.types import Mistake

if TYPE_CHECKING:
    from torch.optim import Optimizer

Betas: TypeAlias = Annotated[
    list[Annotated[float, Range(0, 1, below=True)]],
    "how slowly the averages of the gradients and of their squares follow",
]


@optimisers.register("adamw")
def build(
    weights: Iterable[Any],
    lr: float,
    weight_decay: float,
    betas: Betas = [0.9, 0.999],  # noqa: B006  # nobody changes it
    eps: Annotated[float, Range(0, 1, above=True), "what keeps a step finite where gradients are 0"] = 1e-8,
) -> Optimizer:
    """PyTorch's own, whose averages and counts are there from the beginning, on the device."""
    import torch  # here, because the report asks for these settings and needs no PyTorch

    from unix_exp.optimisers.uncompiled import plain

    if len(betas) != 2:
        raise Mistake(f"betas has {len(betas)} values; give 2, such as [0.9,0.999]")
    first, second = map(float, betas)
    made: Optimizer = plain(torch.optim.AdamW)(
        weights, lr=lr, betas=(first, second), eps=eps, weight_decay=weight_decay, fused=True
    )
    # Its first step would make the same; a step that is recorded as a CUDA graph is tried before, and then set back.
    for weight in (weight for group in made.param_groups for weight in group["params"]):
        averages = {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
        made.state[weight].update(step=torch.zeros((), dtype=torch.float32, device=weight.device), **averages)
    return made
