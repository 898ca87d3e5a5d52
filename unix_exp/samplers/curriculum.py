"""Easy images first, as the teacher finds them (Hacohen and Weinshall 2019, arXiv 1904.03626)."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from unix_exp.registry import samplers
from unix_exp.samplers.selection import Part, part_of
from unix_exp.samplers.uncertainty import entropy
from unix_exp.types import Batch, Facts, Output, Scout


@samplers.register("curriculum")
class Curriculum(nn.Module):
    """Train on the images of which the teacher is surest, a share of them that grows with every epoch.

    In the first epoch, which has all images, the teacher's entropy of each is noted when it is asked anyway, live or
    stored, so measuring costs nothing. From the second epoch on the share grows in a straight line from `start` to all
    at `whole_at`, a share of the epochs. What has no entropy yet comes last.
    """

    entropies: Tensor  # [M], infinite of an image that the teacher was not asked about

    def __init__(
        self,
        facts: Facts,
        start: Annotated[Part, "the share of the images in the second epoch, the surest ones"] = 0.5,
        whole_at: Annotated[Part, "the share of the epochs after which all images are trained on"] = 0.5,
    ) -> None:
        super().__init__()
        self.counts = [
            part_of(facts, min(1.0, start + (1 - start) * (epoch - 1) / (whole_at * facts.epochs)) if epoch else 1.0)
            for epoch in range(facts.epochs)
        ]
        self.register_buffer("entropies", torch.full((facts.train_count,), torch.inf))

    def planned(self, epoch: int) -> int:
        return self.counts[epoch] if epoch < len(self.counts) else len(self.entropies)  # more epochs than the recipe's

    def begin(self, epoch: int) -> Tensor | None:
        if self.entropies.isinf().all():  # a method that has not asked its teacher yet
            return None
        return self.entropies.argsort(stable=True)[: self.planned(epoch)]

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        return batch

    def answered(self, batch: Batch, teacher: Output) -> None:
        known = self.entropies[batch.index]
        self.entropies.index_copy_(0, batch.index, torch.where(known.isinf(), entropy(teacher.logits), known))
