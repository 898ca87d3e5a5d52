"""A sampler with a memory: keep the images that the student was least sure of when it last saw them; no extra look.

python -m unix_exp.train plugins=examples/memory.py sampler=memory sampler.k=48
"""

import torch
from torch import Tensor, nn

from unix_exp.registry import samplers
from unix_exp.samplers.selection import how_many, take
from unix_exp.samplers.uncertainty import entropy
from unix_exp.types import Batch, Facts, Output, Scout


@samplers.register("memory")
class Memory(nn.Module):
    """Rank a batch by the entropy that the student had on each image when it last trained on it."""

    last: Tensor  # [M], the entropy of every training image; it is module state, so a checkpoint holds it

    def __init__(self, facts: Facts, k: int | None = None) -> None:
        super().__init__()
        self.k = k
        self.register_buffer("last", torch.full((facts.train_count,), torch.inf))  # images not seen yet come first

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        least_sure_first = self.last[batch.index].argsort(descending=True, stable=True)
        return take(batch, least_sure_first[: how_many(self.k, len(batch.images))])

    def learned(self, batch: Batch, student: Output) -> None:
        self.last.index_copy_(0, batch.index, entropy(student.logits))
