from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from unix_exp.registry import samplers
from unix_exp.samplers.mixing import Alpha, beta, mix
from unix_exp.samplers.recall import Recall
from unix_exp.samplers.selection import Kept, how_many, shuffled, take
from unix_exp.samplers.uncertainty import Uncertainty
from unix_exp.samplers.unix import Rank, Slope, correction
from unix_exp.types import Batch, Facts, Scout


@samplers.register("recall_mixed")
class RecallMixed(Recall):
    """UNIX ranked from memory, without a look beside the training: the hardest are mixed mildly, the easiest heavily.

    The student says something of a mixed image, which is remembered of the one that it was mixed into.
    """

    mixes: ClassVar[bool] = True

    correction: Tensor  # [batch], the partner's share by rank, before lambda

    def __init__(
        self,
        facts: Facts,
        k: Kept = None,
        w: Slope = 10.0,
        b: Rank | None = None,
        alpha: Alpha = 1.0,
        uncertainty: Uncertainty = "entropy",
    ) -> None:
        super().__init__(facts, k, uncertainty)
        self.alpha = alpha
        shares = correction(facts.batch, w, b, torch.device("cpu"))
        self.register_buffer("correction", shares, persistent=False)  # follows from the settings

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        k = how_many(self.k, batch.images.shape[0])
        share = self.correction[:k] * beta(self.alpha, batch.images.device)
        return mix(take(batch, self.hardest_first(batch)[:k]), take(batch, shuffled(batch)[:k]), share)
