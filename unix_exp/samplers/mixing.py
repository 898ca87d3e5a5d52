"""Two images in one: mixup (Zhang et al. 2018)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unix_exp.types import Batch, Mistake


def mix(batch: Batch, partner: Batch, share: Tensor) -> Batch:
    """Give `share` [N] of every image and target to its partner; index and weight stay the batch's own."""
    of_image, of_target = share[:, None, None, None], share[:, None]
    return Batch(
        images=(1 - of_image) * batch.images + of_image * partner.images,
        targets=(1 - of_target) * batch.targets + of_target * partner.targets,
        index=batch.index,
        weight=batch.weight,
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


def check_alpha(alpha: float) -> float:
    if not 0 < alpha < math.inf:
        raise Mistake(f"sampler.alpha is {alpha}; choose a number above 0")
    return alpha
