"""TrivialAugment (Müller and Hutter 2021, arXiv 2103.10158), the wide space with torchvision's magnitudes."""

from __future__ import annotations

import torch
from torch import Tensor

from unix_exp.data.augment.augmentation import Augmentation
from unix_exp.data.augment.magnitudes import BINS, WIDE, amounts
from unix_exp.data.augment.operations import NAMES, operated
from unix_exp.registry import augmentations


@augmentations.register("trivialaugment")
class TrivialAugment(Augmentation):
    """After the data set's own cut and flip one random operation of a random magnitude. Nothing to tune."""

    def draw(self, count: int, side: int, generator: torch.Generator) -> Tensor:
        kinds = torch.randint(len(NAMES), (count, 1), generator=generator)
        bins = torch.randint(BINS, (count, 1), generator=generator)
        return amounts(WIDE, kinds, bins, side, generator)

    def change(self, images: Tensor, drawn: Tensor) -> Tensor:
        return operated(images, drawn)
