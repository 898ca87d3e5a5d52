from __future__ import annotations

from typing import ClassVar

from unix_exp.data.augment.augmentation import Augmentation, Cut
from unix_exp.registry import augmentations


@augmentations.register("none")
class Whole(Augmentation):
    """Every image as it is in every epoch, not flipped."""

    cut: ClassVar[Cut | None] = Cut.WHOLE
    earlier: ClassVar[bool | None] = False
