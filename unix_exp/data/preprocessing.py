"""How an image file becomes a network's input when it is tested or used: for training, export and prediction alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from unix_exp.data.opening import image_of

KERNELS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
REACH = {"bicubic": 2, "bilinear": 1}  # pixels of the smaller of both images, to either side


class Preprocessing(NamedTuple):
    """Scale the shorter side to `resize`, cut out the middle, bring the pixels to mean 0 and deviation 1."""

    size: int  # side of the result in pixels
    resize: int
    interpolation: str  # one of KERNELS
    mean: tuple[float, ...]  # by channel, of pixels in [0, 1]
    std: tuple[float, ...]

    def __call__(self, image: Image.Image | str | PathLike[str]) -> Tensor:
        """[3, size, size] float32 of an image, or of the file that holds it."""
        pixels = torch.from_numpy(np.array(self.square(image_of(image)))).float() / 255
        return ((pixels - torch.tensor(self.mean)) / torch.tensor(self.std)).permute(2, 0, 1)

    def square(self, image: Image.Image) -> Image.Image:
        """The middle of the scaled image; an image of that size stays as it is."""
        if image.size == (self.size, self.size) and self.resize == self.size:
            return image
        width, height = self.scaled(image.size)
        return self.part(image, round((width - self.size) / 2), round((height - self.size) / 2))

    def part(self, image: Image.Image, left: int, top: int) -> Image.Image:
        """The part of the scaled image that begins there."""
        width, height = self.scaled(image.size)
        across, down = image.width / width, image.height / height
        # The part that is cut out is the only one that is scaled: a long strip would otherwise fill the memory.
        part = (left * across, top * down, (left + self.size) * across, (top + self.size) * down)
        return self.in_two_passes(image, within(part, image.size))

    def in_two_passes(self, image: Image.Image, part: tuple[float, float, float, float]) -> Image.Image:
        """First across and then down, rounded to whole levels after each, by any version of Pillow and in any file.

        Pillow 13 chooses the order by the sizes, earlier versions did not, and the results differ by several levels.
        """
        left, top, right, bottom = part
        margin = REACH[self.interpolation] * max(1.0, (bottom - top) / self.size) + 1
        first, last = max(0, int(top - margin)), min(image.height, int(bottom + margin) + 1)
        kernel, rows = KERNELS[self.interpolation], (left, first, right, last)
        narrow = image.resize((self.size, last - first), kernel, rows)
        return narrow.resize((self.size, self.size), kernel, (0, top - first, self.size, bottom - first))

    def scaled(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height with the shorter side scaled; the longer is cut to whole pixels, as torchvision does."""
        shorter, longer = min(size), max(size)
        other = int(self.resize * longer / shorter)
        return (self.resize, other) if size[0] <= size[1] else (other, self.resize)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Preprocessing:
        """From a record."""
        size, resize, interpolation = kept["size"], kept["resize"], kept["interpolation"]
        mean, std = tuple(map(float, kept["mean"])), tuple(map(float, kept["std"]))
        fits = type(size) is int and type(resize) is int and 0 < size <= resize and len(mean) == len(std) == 3
        if not fits or interpolation not in KERNELS or min(std) <= 0:
            raise ValueError("its preprocessing is not whole")
        return cls(size, resize, interpolation, mean, std)


def within(part: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Rounding may have put a border outside."""
    left, top, right, bottom = part
    return max(left, 0.0), max(top, 0.0), min(right, float(size[0])), min(bottom, float(size[1]))
