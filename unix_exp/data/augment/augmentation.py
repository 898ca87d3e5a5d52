"""What an augmentation is: how each training image is cut out, and what is done to it then."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

import torch
from torch import Tensor


class Cut(Enum):
    """What of an image is shown."""

    WHOLE = "whole"  # all of it; of a file that is read anew each epoch the middle, as in testing
    SHIFTED = "shifted"  # moved by a few pixels, with zeros beyond the border; of such a file any part of that size
    RESIZED = "resized"  # a random part, enlarged


class Augmentation:
    """The data set's own cut and flip, and nothing else. A subclass changes `cut`, or overrides the two methods."""

    cut: ClassVar[Cut | None] = None  # None: the data set's own
    earlier: ClassVar[bool | None] = None  # how a configuration said the same before this had a name

    def draw(self, count: int, side: int, generator: torch.Generator) -> Tensor | None:
        """Random numbers for so many images of `side` pixels, [count, ...] on the CPU; None: they are only cut out."""
        return None

    def change(self, images: Tensor, drawn: Tensor) -> Tensor:
        """What is done to images [N, 3, H, W] uint8, on their device, by their rows of what was drawn, on the CPU.

        Each as if it were alone, and without reading a value from the device, so that no step waits for it.
        """
        return images
