"""UNIX: uncertainty-aware mixup (Xu, Liu and Loy 2020, arXiv 2012.09413)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from unix_exp.registry import samplers
from unix_exp.samplers.mixing import beta, check_alpha, mix
from unix_exp.samplers.selection import how_many, shuffled, take
from unix_exp.samplers.uncertainty import UNCERTAINTIES, ScoutMode, Uncertainty
from unix_exp.types import Batch, Mistake, Scout


@samplers.register("unix")
class Unix:
    """Keep the k least certain images; mix the hardest mildly and the easiest heavily."""

    mixes: ClassVar[bool] = True

    def __init__(
        self,
        k: int | None = None,
        w: float = 10.0,
        b: float | None = None,
        alpha: float = 1.0,
        uncertainty: Uncertainty = "entropy",
        scout_mode: ScoutMode = "train",
    ) -> None:
        for name, value in (("w", w), ("b", b)):
            if value is not None and not math.isfinite(value):
                raise Mistake(f"sampler.{name} is {value}; choose a finite number")
        self.k = k
        self.w = w
        self.b = b
        self.alpha = check_alpha(alpha)
        self.uncertainty = UNCERTAINTIES[uncertainty]
        self.scout_mode = scout_mode

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        size = batch.images.shape[0]
        k = how_many(self.k, size)
        hardest_first = self.uncertainty(scout(batch.images, self.scout_mode).logits).argsort(descending=True)
        share = correction(size, self.w, self.b, batch.images.device) * beta(self.alpha, batch.images.device)
        partner = shuffled(batch)  # of the whole batch: an image that is left out may still be a partner
        return mix(take(batch, hardest_first[:k]), take(batch, partner[:k]), share[:k])


def correction(size: int, w: float, b: float | None, device: torch.device) -> Tensor:
    """The partner's share by rank, before lambda: sigmoid(w (r - b + 1/2) / N), near 0 for the hardest image."""
    # The 1/2 is in the authors' code and not in Eq. 10 of the paper.
    rank = torch.arange(size, device=device)
    return torch.sigmoid(w * (rank - (size / 2 if b is None else b) + 0.5) / size)
