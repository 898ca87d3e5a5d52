"""InfoBatch (Qin et al. 2024, arXiv 2303.04947): of what is learned well, a part is left out, the rest weighed up."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn

from unix_exp.ranges import Range, Share
from unix_exp.registry import samplers
from unix_exp.samplers.labels import loss_with_labels
from unix_exp.types import Batch, Facts, Output, Scout


@samplers.register("infobatch")
class InfoBatch(nn.Module):
    """Leave a random part of the images whose loss is below the mean out of an epoch; the rest of them count for more.

    So the expected loss stays that of all images. The loss of an image is the student's with the labels when it last
    trained on it, whatever the criterion. An image that was never seen has none: it is kept, and not in the mean. After
    the share `delta` of the epochs nothing is left out.
    """

    losses: Tensor  # [M], NaN of an image that was never seen
    weights: Tensor  # [M] of this epoch

    def __init__(
        self,
        facts: Facts,
        prune_ratio: Annotated[
            float, Range(0, 1, below=True), "how many of the images that are learned well are left out, as a share"
        ] = 0.5,
        delta: Annotated[Share, "the share of the epochs after which nothing is left out"] = 0.875,
    ) -> None:
        super().__init__()
        self.prune_ratio, self.until = prune_ratio, delta * facts.epochs
        self.register_buffer("losses", torch.full((facts.train_count,), torch.nan))
        self.register_buffer("weights", torch.ones(facts.train_count), persistent=False)  # set before every epoch

    def begin(self, epoch: int) -> Tensor | None:
        self.weights.fill_(1)
        if epoch + 1 > self.until:
            return None
        drawn = torch.rand(len(self.losses), dtype=torch.float64)  # on the host: the same images on every device
        kept, weights = pruned(self.losses, drawn.to(self.losses.device), self.prune_ratio)
        self.weights.copy_(weights)
        return kept

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        own = self.weights[batch.index]
        return batch._replace(weight=own if batch.weight is None else batch.weight * own)

    def learned(self, batch: Batch, student: Output) -> None:
        self.losses.index_copy_(0, batch.index, loss_with_labels(student, batch))


def pruned(losses: Tensor, drawn: Tensor, prune_ratio: float) -> tuple[Tensor, Tensor]:
    """The indices to keep, ascending, and the weight of every image; `drawn` are random numbers, [M]."""
    well = losses < losses.nanmean()
    keep = int((1 - prune_ratio) * int(well.sum()))
    lucky = drawn.where(well, torch.inf).argsort(stable=True)[:keep]
    kept = (~well).index_fill(0, lucky, True)
    weights = torch.ones_like(losses).index_fill(0, lucky, 1 / (1 - prune_ratio))
    return torch.arange(len(losses), device=losses.device)[kept], weights
