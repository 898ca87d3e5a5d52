"""RandAugment (Cubuk, Zoph, Shlens and Le 2020, arXiv 1909.13719), with torchvision's magnitudes."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from unix_exp.data.augment.augmentation import Augmentation
from unix_exp.data.augment.magnitudes import BINS, MILD, amounts
from unix_exp.data.augment.operations import NAMES, operated
from unix_exp.ranges import Range
from unix_exp.registry import augmentations


@augmentations.register("randaugment")
class RandAugment(Augmentation):
    """After the data set's own cut and flip some random operations, all of one magnitude."""

    def __init__(
        self,
        ops: Annotated[int, Range(1, 10), "how many operations, one after another"] = 2,
        magnitude: Annotated[int, Range(0, BINS - 1), "how strong each is"] = 9,
    ) -> None:
        self.ops, self.magnitude = ops, magnitude

    def draw(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        kinds = torch.randint(len(NAMES), (count, self.ops), generator=generator)
        return amounts(MILD, kinds, torch.full_like(kinds, self.magnitude), side, generator)

    def change(self, images: Tensor, drawn: Tensor) -> Tensor:
        return operated(images, drawn)
