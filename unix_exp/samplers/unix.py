"""UNIX: uncertainty-aware mixup (Xu, Liu and Loy 2020, arXiv 2012.09413)."""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

import torch
from torch import Tensor

from unix_exp.ranges import Range
from unix_exp.registry import samplers
from unix_exp.samplers.mixing import Alpha, beta, mix
from unix_exp.samplers.selection import Kept, how_many, shuffled, take
from unix_exp.samplers.uncertainty import UNCERTAINTIES, ScoutMode, Uncertainty
from unix_exp.types import Batch, Facts, Scout

Slope: TypeAlias = Annotated[
    float, Range(-1_000_000, 1_000_000), "how steeply the partner's share rises with the rank, Eq. 10; 1000 is a step"
]
Rank: TypeAlias = Annotated[
    float, Range(-1_000_000, 1_000_000), "the rank whose partner's share is halved, Eq. 10; null: half the batch"
]


@samplers.register("unix")
class Unix:
    """Keep the k least certain images; mix the hardest mildly and the easiest heavily."""

    mixes: ClassVar[bool] = True

    def __init__(
        self,
        k: Kept = None,
        w: Slope = 10.0,
        b: Rank | None = None,
        alpha: Alpha = 1.0,
        uncertainty: Uncertainty = "entropy",
        scout_mode: ScoutMode = "train",
        facts: Facts | None = None,
    ) -> None:
        self.k = k
        self.w = w
        self.b = b
        self.alpha = alpha
        self.uncertainty = UNCERTAINTIES[uncertainty]
        self.scout_mode = scout_mode
        # The same in every step of a run, which moves it to its device; computed anew it is six small kernels on a GPU.
        self.of_run = None if facts is None else correction(facts.batch, w, b, torch.device("cpu"))

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        size = batch.images.shape[0]
        k = how_many(self.k, size)
        hardest_first = self.uncertainty(scout(batch.images, self.scout_mode).logits).argsort(descending=True)
        share = self.correction(size, batch.images.device) * beta(self.alpha, batch.images.device)
        partner = shuffled(batch)  # of the whole batch: an image that is left out may still be a partner
        return mix(take(batch, hardest_first[:k]), take(batch, partner[:k]), share[:k])

    def correction(self, size: int, device: torch.device) -> Tensor:
        """The run's own, or another one for a batch that is not of its size or not on its device."""
        if self.of_run is not None and len(self.of_run) == size and self.of_run.device == device:
            return self.of_run
        return correction(size, self.w, self.b, device)


def correction(size: int, w: float, b: float | None, device: torch.device) -> Tensor:
    """The partner's share by rank, before lambda: sigmoid(w (r - b + 1/2) / N), near 0 for the hardest image."""
    # The 1/2 is in the authors' code and not in Eq. 10 of the paper.
    rank = torch.arange(size, device=device)
    return torch.sigmoid(w * (rank - (size / 2 if b is None else b) + 0.5) / size)
