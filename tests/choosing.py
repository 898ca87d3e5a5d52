"""A plug-in of the tests: a sampler that chooses images by what it has seen, and sets a share anew in every epoch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from unix_exp.registry import samplers
from unix_exp.samplers.selection import take
from unix_exp.types import Batch, Facts, Output, Scout


@samplers.register("choosing")
class Choosing(nn.Module):
    """Trains on the images that it has seen least often, and on a number of each batch that the epoch says."""

    seen: Tensor

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(facts.train_count))
        self.k = 12

    def begin(self, epoch: int) -> Tensor:
        self.k = 12 - epoch
        return (self.seen + torch.rand(len(self.seen))).argsort()[:80]

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        return take(batch, torch.rand(len(batch.index), device=batch.index.device).argsort()[: self.k])

    def learned(self, batch: Batch, student: Output) -> None:
        self.seen.index_add_(0, batch.index, torch.ones_like(batch.index, dtype=torch.float32))
