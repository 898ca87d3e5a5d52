from __future__ import annotations

from typing import ClassVar

from unix_exp.registry import samplers
from unix_exp.samplers.mixing import Alpha, beta, mix
from unix_exp.samplers.selection import Kept, how_many, shuffled, take
from unix_exp.types import Batch, Scout


@samplers.register("mixup")
class Mixup:
    """Keep k random images and mix them all alike: mixup without uncertainty. Never scouts.

    (Zhang, Cisse, Dauphin and Lopez-Paz 2018, arXiv 1710.09412)
    """

    mixes: ClassVar[bool] = True

    def __init__(self, k: Kept = None, alpha: Alpha = 1.0) -> None:
        self.k = k
        self.alpha = alpha

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        k = how_many(self.k, batch.images.shape[0])
        share = beta(self.alpha, batch.images.device).expand(k)
        return mix(take(batch, shuffled(batch)[:k]), take(batch, shuffled(batch)[:k]), share)
