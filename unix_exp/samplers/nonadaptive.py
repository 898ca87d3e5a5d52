from __future__ import annotations

from typing import ClassVar

from unix_exp.registry import samplers
from unix_exp.samplers.mixing import Alpha, beta, mix
from unix_exp.samplers.selection import Kept, how_many, shuffled, take
from unix_exp.samplers.uncertainty import UNCERTAINTIES, ScoutMode, Uncertainty
from unix_exp.types import Batch, Scout


@samplers.register("nonadaptive")
class Nonadaptive:
    """Keep the k least certain images and mix them all alike: UNIX with a correction of 1 everywhere.

    (Xu, Liu and Loy 2020, arXiv 2012.09413, as an ablation)
    """

    mixes: ClassVar[bool] = True

    def __init__(
        self,
        k: Kept = None,
        alpha: Alpha = 1.0,
        uncertainty: Uncertainty = "entropy",
        scout_mode: ScoutMode = "train",
    ) -> None:
        self.k = k
        self.alpha = alpha
        self.uncertainty = UNCERTAINTIES[uncertainty]
        self.scout_mode = scout_mode

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        k = how_many(self.k, batch.images.shape[0])
        hardest_first = self.uncertainty(scout(batch.images, self.scout_mode).logits).argsort(descending=True)
        share = beta(self.alpha, batch.images.device).expand(k)
        return mix(take(batch, hardest_first[:k]), take(batch, shuffled(batch)[:k]), share)
