from __future__ import annotations

from typing import ClassVar

from unix_exp.data.augment.augmentation import Augmentation, Cut
from unix_exp.registry import augmentations


@augmentations.register("random-resized-crop")
class RandomResizedCrop(Augmentation):
    """A part of 8 to 100 per cent of the area, its sides 3:4 to 4:3, enlarged to the whole; mirrored or not."""

    cut: ClassVar[Cut | None] = Cut.RESIZED
