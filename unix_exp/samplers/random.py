from __future__ import annotations

from unix_exp.registry import samplers
from unix_exp.samplers.selection import Kept, how_many, shuffled, take
from unix_exp.samplers.uncertainty import ScoutAnyway
from unix_exp.types import Batch, Scout


@samplers.register("random")
class Random:
    """Keep k random images: the cheap baseline that any choice of images must beat."""

    def __init__(self, k: Kept = None, scout_anyway: ScoutAnyway = False) -> None:
        self.k = k
        self.scout_anyway = scout_anyway  # as in the reference code, for exact comparison

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        k = how_many(self.k, batch.images.shape[0])
        if self.scout_anyway:
            scout(batch.images, "train")
        return take(batch, shuffled(batch)[:k])
