"""Full and partial mixup of MIX-KD (Choi, Jeon, Shukla and Turaga 2023, arXiv 2211.03946)."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor

from unix_exp.ranges import Share
from unix_exp.registry import samplers
from unix_exp.samplers.mixing import Alpha, betas, mix
from unix_exp.samplers.selection import shuffled, take
from unix_exp.types import Batch, Scout


@samplers.register("pairmix")
class Pairmix:
    """Mix two random orders of the batch, each pair with a lambda of its own; `share` of the pairs are mixed.

    Every image is the first of one pair, and the pair carries its index: each image is counted once, mixed or not.
    """

    mixes: ClassVar[bool] = True

    def __init__(
        self,
        share: Annotated[Share, "the part of a batch that is mixed; 1: full mixup"] = 1.0,
        alpha: Alpha = 1.0,
        with_replacement: Annotated[
            bool, "draw the unmixed part with repetitions, as the authors' code does, so that more is mixed"
        ] = False,
    ) -> None:
        self.share = float(share)
        self.alpha = alpha
        self.with_replacement = with_replacement

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        size, device = batch.images.shape[0], batch.images.device
        of_partner = betas(self.alpha, size, device) * self.mixed(size, device)
        return mix(take(batch, shuffled(batch)), take(batch, shuffled(batch)), of_partner)

    def mixed(self, size: int, device: torch.device) -> Tensor:
        """1 where a pair is mixed, 0 where its first image stays as it is."""
        if self.with_replacement:  # a pair can be drawn twice, so more stay mixed than `share` says
            drawn = torch.randint(size, (int((1 - self.share) * size + 1e-6),), device=device)
            return torch.ones(size, device=device).index_fill(0, drawn, 0.0)
        # The orders are random, so any fixed positions will do.
        return (torch.arange(size, device=device) < round(self.share * size)).float()
