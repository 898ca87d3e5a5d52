from __future__ import annotations

from unix_exp.registry import samplers
from unix_exp.samplers.uncertainty import ScoutAnyway
from unix_exp.types import Batch, Scout


@samplers.register("everything")
class Everything:
    """Train on the whole batch: plain distillation. Never scouts, so costs nothing extra."""

    plain_supervision = True  # so the names of methods without a teacher leave it out

    def __init__(self, scout_anyway: ScoutAnyway = False) -> None:
        # The reference code scores every batch and throws the scores away, which moves batch-norm statistics twice.
        self.scout_anyway = scout_anyway

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        if self.scout_anyway:
            scout(batch.images, "train")
        return batch
