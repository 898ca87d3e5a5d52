"""Two images in one: mixup (Zhang et al. 2018)."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from unix_exp.ranges import Range
from unix_exp.types import Batch

Alpha: TypeAlias = Annotated[
    float, Range(0.001, 1000), "of Beta(alpha, alpha), which draws how much is mixed; 1: any share as often as another"
]


def mix(batch: Batch, partner: Batch, share: Tensor, images: Tensor | None = None) -> Batch:
    """Give `share` [N] of every image and target to its partner; index and weight stay the batch's own.

    `images` are given where they are put together in another way. Stored answers are mixed like the targets: an
    approximation, as no teacher saw the mixed image.
    """

    def mixed(one: Tensor, other: Tensor) -> Tensor:
        of_other = share.view(-1, *[1] * (one.dim() - 1))
        return (1 - of_other) * one + of_other * other

    answers = batch.answers
    if answers is not None:
        both = lambda one, other: mixed(one, other) if isinstance(one, Tensor) else one  # noqa: E731
        answers = tree_map(both, answers, partner.answers)
    return Batch(
        images=mixed(batch.images, partner.images) if images is None else images,
        targets=mixed(batch.targets, partner.targets),
        index=batch.index,
        weight=batch.weight,
        answers=answers,
    )


def beta(alpha: float, device: torch.device) -> Tensor:
    """One lambda ~ Beta(alpha, alpha), drawn on the device so that the step never waits for it."""
    # The ratio of gammas is the beta; torch.distributions.Beta has no kernel for the meta device.
    first, second = torch._standard_gamma(torch.full((2,), float(alpha), device=device)).unbind()
    return first / (first + second).clamp_min(torch.finfo(first.dtype).tiny)


def betas(alpha: float, count: int, device: torch.device) -> Tensor:
    """Independent lambdas [count] ~ Beta(alpha, alpha), drawn like `beta`."""
    first, second = torch._standard_gamma(torch.full((2, count), float(alpha), device=device)).unbind()
    return first / (first + second).clamp_min(torch.finfo(first.dtype).tiny)
