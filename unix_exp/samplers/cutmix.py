"""CutMix (Yun et al. 2019, arXiv 1905.04899): a box of one image in another."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from unix_exp.registry import samplers
from unix_exp.samplers.mixing import Alpha, betas, mix
from unix_exp.samplers.selection import Kept, how_many, shuffled, take
from unix_exp.types import Batch, Scout


@samplers.register("cutmix")
class Cutmix:
    """Keep k random images and paste a box of another into each; targets are mixed by its area. Never scouts."""

    mixes: ClassVar[bool] = True

    def __init__(self, k: Kept = None, alpha: Alpha = 1.0) -> None:
        self.k = k
        self.alpha = alpha

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        k = how_many(self.k, batch.images.shape[0])
        own, partner = take(batch, shuffled(batch)[:k]), take(batch, shuffled(batch)[:k])
        inside = boxes(self.alpha, own.images)
        images = torch.where(inside, partner.images, own.images)
        return mix(own, partner, inside.float().mean(dim=(1, 2, 3)), images)


def boxes(alpha: float, images: Tensor) -> Tensor:
    """A box for each image, [N, 1, H, W], true inside: its area ~ Beta(alpha, alpha), less what is over the border."""
    count, _, *sides = images.shape
    length = betas(alpha, count, images.device).sqrt()  # of the box, in lengths of the image
    lines = []
    for side in sides:
        middle = (torch.rand(count, device=images.device) * side).floor()
        half = (length * side).floor().div(2, rounding_mode="floor")  # whole pixels either side, as the authors cut
        place = torch.arange(side, device=images.device)
        lines.append((place >= (middle - half)[:, None]) & (place < (middle + half)[:, None]))
    down, across = lines
    return (down[:, :, None] & across[:, None, :])[:, None]
