"""Random parts of images, enlarged to the whole: RandomResizedCrop for a batch at once."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import torch
from torch import Tensor

SCALE = (0.08, 1.0)  # of the area
RATIO = (3 / 4, 4 / 3)  # of width to height
TRIES = 10


def parts(count: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Where so many parts begin, down and right [count, 1], and height and width [count, 2], drawn on the CPU.

    As torchvision draws one: area and ratio until the part fits, or after ten tries the whole image.
    """

    def between(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(count, *shape, generator=generator, dtype=torch.float64)

    area = size**2 * between(*SCALE, TRIES)
    ratio = between(log(RATIO[0]), log(RATIO[1]), TRIES).exp()
    sides = torch.stack([area / ratio, area * ratio], dim=-1).sqrt().round().long()  # [count, tries, 2]
    fit = ((sides > 0) & (sides <= size)).all(-1)
    first = fit.long().argmax(1)[:, None, None].expand(-1, 1, 2)
    extent = torch.where(fit.any(1)[:, None], sides.gather(1, first).squeeze(1), size)
    corner = (between(0, 1, 2) * (size - extent + 1)).long()
    return corner[:, :1], corner[:, 1:], extent


def enlarged(gather: Callable[[Tensor, Tensor], Tensor], rows: Tensor, columns: Tensor, extent: Tensor) -> Tensor:
    """Bilinearly, from within the part alone: [N, H, W, 3] uint8.

    `rows` and `columns` [N, H] and [N, W] are the pixels of the whole that are wanted, `extent` the part's height and
    width, and `gather` reads stored pixels at some rows and columns, counted from the part's corner.
    """
    upper, lower, down = neighbours(rows, extent[:, :1])
    left, right, across = neighbours(columns, extent[:, 1:])
    down, across = down[:, :, None, None], across[:, None, :, None]
    above = mixed(gather(upper, left), gather(upper, right), across)
    below = mixed(gather(lower, left), gather(lower, right), across)
    return mixed(above, below, down).round_().byte()


def neighbours(places: Tensor, extent: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The two stored pixels that a wanted one lies between, and the second one's share."""
    at = ((places + 0.5) * (extent / places.shape[1]) - 0.5).clamp_min_(0)
    first = at.floor()
    second = torch.minimum(first + 1, extent - 1)
    return first.long(), second.long(), at - first


def mixed(one: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return one * (1 - share) + other * share
