"""Which training images an image is told from."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import torch
from torch import Tensor, nn

from unix_exp.criteria.logits import dominant
from unix_exp.types import Batch, Facts

From: TypeAlias = Annotated[Literal["other_classes", "all"], "which training images an image is told from"]


class Negatives(nn.Module):
    """Drawn on the device with equal chances, an image may come twice; never the image itself.

    Of other classes, as far as they are known: an image's class is noted when it comes in a batch, and until then it
    may be drawn for any. Where an image is mixed, its class is that of the larger part.
    """

    class_of: Tensor  # [M] int64, the class of every training image, -1 where it has not been seen

    def __init__(self, facts: Facts, count: int, among: From) -> None:
        super().__init__()
        self.count, self.classes, self.among = count, facts.classes, among
        if among == "other_classes":
            self.register_buffer("class_of", torch.full((facts.train_count,), -1))
        self.size = facts.train_count

    def forward(self, batch: Batch) -> Tensor:
        """[N, count], positions in the training set."""
        if self.among == "all":
            return self.drawn(batch.index + 1, torch.full_like(batch.index, self.size - 1))
        own = dominant(batch.targets).squeeze(1)
        self.class_of.index_copy_(0, batch.index, own)
        # In the order of their classes the others of an image are one stretch, from the end of its class round to its
        # beginning: so each is drawn at once, and nothing has to be drawn again.
        members = torch.zeros(self.classes + 1, dtype=torch.int64, device=own.device)
        members = members.index_add(0, self.class_of + 1, torch.ones_like(self.class_of))
        ends = members.cumsum(0)
        return self.class_of.argsort(stable=True)[self.drawn(ends[own + 1], self.size - members[own + 1])]

    def drawn(self, first: Tensor, many: Tensor) -> Tensor:
        """[N, count] of so `many` from `first` on, round in a circle."""
        steps = torch.rand(len(first), self.count, device=first.device) * many.unsqueeze(1)
        return (first.unsqueeze(1) + steps.long()) % self.size
