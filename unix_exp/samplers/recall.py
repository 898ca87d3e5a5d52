"""UNIX's ranking from memory: how unsure the student was of each image when it last trained on it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unix_exp.registry import samplers
from unix_exp.samplers.selection import Kept, how_many, take
from unix_exp.samplers.uncertainty import UNCERTAINTIES, Uncertainty
from unix_exp.types import Batch, Facts, Output, Scout


@samplers.register("recall")
class Recall(nn.Module):
    """Keep the k least certain images as they are, ranked from memory: no look beside the training, so k/N of the cost.

    An image that is left out keeps its last value, and comes back when the others of its batch are surer.
    """

    last: Tensor  # [M], the uncertainty of every training image

    def __init__(self, facts: Facts, k: Kept = None, uncertainty: Uncertainty = "entropy") -> None:
        super().__init__()
        self.k = k
        self.uncertainty = UNCERTAINTIES[uncertainty]
        self.register_buffer("last", torch.full((facts.train_count,), torch.inf))  # images not seen yet come first

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        return take(batch, self.hardest_first(batch)[: how_many(self.k, batch.images.shape[0])])

    def hardest_first(self, batch: Batch) -> Tensor:
        return self.last[batch.index].argsort(descending=True, stable=True)

    def learned(self, batch: Batch, student: Output) -> None:
        self.last.index_copy_(0, batch.index, self.uncertainty(student.logits))
