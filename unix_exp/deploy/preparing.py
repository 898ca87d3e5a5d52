"""data/preprocessing.py as operations on tensors, so that a file can hold it, for images of any size.

Pillow scales across and then down, and rounds to whole levels after each. Each is a product with a matrix that only
depends on the sizes. The resizing of ONNX and of PyTorch rounds once, and cannot scale and cut in one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unix_exp.data.preprocessing import Preprocessing

LEVELS = 255
BITS = 22  # behind the point of Pillow's weights
REACH = {"bilinear": 1.0, "bicubic": 2.0}  # pixels on either side of the middle, where an image is enlarged


class Prepare(nn.Module):
    """Images [N, H, W, 3] uint8 -> [N, 3, size, size] float, normalised."""

    mean: Tensor
    std: Tensor

    def __init__(self, own: Preprocessing) -> None:
        super().__init__()
        self.own = own
        self.register_buffer("mean", torch.tensor(own.mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(own.std).view(-1, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        height, width = pixels.shape[1], pixels.shape[2]
        shorter: Any = torch.sym_min(height, width)  # whole numbers that are known when the file is used
        across, down = (self.weights(side, self.own.resize * side // shorter) for side in (width, height))
        rows = levels(pixels.permute(0, 3, 1, 2).float() @ across.T)
        return (levels(down @ rows) / LEVELS - self.mean) / self.std

    def weights(self, side: int, scaled: int) -> Tensor:
        """[size, side]: how much each of the image's pixels counts for each pixel of the middle, when it is scaled."""
        size, spare = self.own.size, scaled - self.own.size
        first = spare // 2 + (spare % 2) * (spare // 2 % 2)  # half of it, rounded to an even number, as Python does
        given, wanted, start = (number(one) for one in (side, scaled, first))
        step = given / wanted
        # Pillow is given the part that is cut out in 32 bits.
        left, right = (start * step).float(), torch.minimum((start + size) * step, given).float()
        step = (right - left).double() / size
        centres = left.double() + (torch.arange(size, dtype=torch.float64) + 0.5) * step
        away = torch.arange(side, dtype=torch.float64) + 0.5 - centres[:, None]
        found = kernel(self.own.interpolation, (away / step.clamp_min(1.0)).abs())
        whole = found / found.sum(1, keepdim=True)
        weights: Tensor = ((whole * 2**BITS).round() / 2**BITS).float()
        return weights


def number(value: int) -> Tensor:
    """In 64 bits: positions in a large image have to be exact to a small part of a pixel."""
    return torch.scalar_tensor(value, dtype=torch.float64)


def kernel(interpolation: str, away: Tensor) -> Tensor:
    """Keys' cubic with -1/2, or the triangle."""
    if interpolation == "bilinear":
        return (1 - away).clamp_min(0)
    near = (1.5 * away - 2.5) * away * away + 1
    far = ((away - 5) * away + 8) * away - 4
    return torch.where(away < 1, near, torch.where(away < REACH[interpolation], -0.5 * far, 0.0))


def levels(values: Tensor) -> Tensor:
    return (values + 0.5).floor().clamp(0, LEVELS)
