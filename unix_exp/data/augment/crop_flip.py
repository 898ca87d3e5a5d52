from __future__ import annotations

from typing import ClassVar

from unix_exp.data.augment.augmentation import Augmentation, Cut
from unix_exp.registry import augmentations


@augmentations.register("crop-flip")
class CropFlip(Augmentation):
    """Moved by up to an eighth of the side, and mirrored or not."""

    cut: ClassVar[Cut | None] = Cut.SHIFTED
