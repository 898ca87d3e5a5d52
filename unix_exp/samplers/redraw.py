from __future__ import annotations

import torch
from torch import Tensor

from unix_exp.registry import samplers
from unix_exp.samplers.selection import Part, part_of
from unix_exp.types import Batch, Facts, Scout


@samplers.register("redraw")
class Redraw:
    """Train on a random share of the images, drawn anew for every epoch (Okanovic et al. 2024, arXiv 2305.18424)."""

    def __init__(self, facts: Facts, share: Part = 0.5) -> None:
        self.train_count, self.count = facts.train_count, part_of(facts, share)

    def planned(self, epoch: int) -> int:
        return self.count

    def begin(self, epoch: int) -> Tensor:
        return torch.randperm(self.train_count)[: self.count]  # drawn from the run's seed and the epoch

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        return batch
