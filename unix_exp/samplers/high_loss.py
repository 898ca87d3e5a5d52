from __future__ import annotations

from unix_exp.registry import samplers
from unix_exp.samplers.labels import loss_with_labels
from unix_exp.samplers.selection import Kept, highest
from unix_exp.samplers.uncertainty import ScoutMode
from unix_exp.types import Batch, Scout


@samplers.register("high_loss")
class HighLoss:
    """Keep the k images on which the student's loss with the labels is highest.

    Ordered SGD (Kawaguchi and Lu 2020, arXiv 1907.04371), chosen before the training pass and not from its losses.
    """

    def __init__(self, k: Kept = None, scout_mode: ScoutMode = "train") -> None:
        self.k = k
        self.scout_mode = scout_mode

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        return highest(batch, loss_with_labels(scout(batch.images, self.scout_mode), batch), self.k)
