from __future__ import annotations

from unix_exp.registry import samplers
from unix_exp.samplers.selection import Kept, how_many, take
from unix_exp.samplers.uncertainty import UNCERTAINTIES, ScoutMode, Uncertainty
from unix_exp.types import Batch, Scout


@samplers.register("uncertain")
class Uncertain:
    """Keep the k least certain images as they are: uncertainty without mixup.

    (Xu, Liu and Loy 2020, arXiv 2012.09413, as an ablation)
    """

    def __init__(self, k: Kept = None, uncertainty: Uncertainty = "entropy", scout_mode: ScoutMode = "train") -> None:
        self.k = k
        self.uncertainty = UNCERTAINTIES[uncertainty]
        self.scout_mode = scout_mode

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        k = how_many(self.k, batch.images.shape[0])
        hardest_first = self.uncertainty(scout(batch.images, self.scout_mode).logits).argsort(descending=True)
        return take(batch, hardest_first[:k])
