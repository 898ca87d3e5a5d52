"""A random part of the training images, the same in every epoch."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from unix_exp.ranges import Seed
from unix_exp.registry import samplers
from unix_exp.samplers.selection import Part, part_of
from unix_exp.types import Batch, Facts, Scout


@samplers.register("subset")
class Subset(nn.Module):
    """Train on a random share of the images, drawn once from a seed of its own; the others are never used.

    What any choice of images must beat, with a weight of distillation that follows the share (Ben-Baruch et al. 2024,
    arXiv 2403.07854).
    """

    chosen: Tensor  # the indices

    def __init__(
        self,
        facts: Facts,
        share: Part = 0.5,
        seed: Annotated[Seed, "which images; not the run's, so that students of all seeds share them"] = 0,
    ) -> None:
        super().__init__()
        chosen = order(facts.train_count, seed)[: part_of(facts, share)]
        self.register_buffer("chosen", chosen, persistent=False)  # follows from the settings

    def planned(self, epoch: int) -> int:
        return len(self.chosen)

    def begin(self, epoch: int) -> Tensor:
        return self.chosen

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        return batch


def order(count: int, seed: int) -> Tensor:
    """The training images in a random order, the same on every device."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed), device="cpu")
