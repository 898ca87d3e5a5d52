"""Data sets whose pixels are kept on the device; a batch is one gather."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.types import Batch, Mistake, Watch


class Images(NamedTuple):
    """The training or the test images as they are read, before anything is done to them."""

    pixels: Tensor  # [M, H, W, 3] uint8
    labels: Tensor  # [M] int64


class Drawn(NamedTuple):
    """An epoch's random numbers: the order of the images, and how each is cropped and flipped."""

    order: Tensor  # [M] int64
    down: Tensor  # [M, 1] int64, where the crop begins
    right: Tensor
    mirrored: Tensor  # [M, 1] bool


class Normalise:
    """[N, H, W, 3] uint8 -> [N, 3, H, W] float; permuting gives the channels_last strides for free."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], width: int, device: Any) -> None:
        centre, deviation = (torch.tensor(list(values), dtype=torch.float32, device=device) for values in (mean, std))
        # Repeated for a whole row: three values at a time take a CPU four times as long.
        self.scale = (1 / (255 * deviation)).repeat(width)
        self.shift = (-centre / deviation).repeat(width)

    def __call__(self, pixels: Tensor) -> Tensor:
        rows = pixels.flatten(2).float()
        return rows.mul_(self.scale).add_(self.shift).view(pixels.shape).permute(0, 3, 1, 2)


class Resident:
    """A data set small enough to live on the device, where a whole batch is cropped, flipped and normalised at once.

    A subclass knows classes, size and counts when constructed, and mean and std when `read` returns.
    """

    classes: tuple[str, ...]
    size: int
    train_count: int
    test_count: int
    mean: Sequence[float]  # of pixels in [0, 1], by channel
    std: Sequence[float]
    augment: bool = True
    flip: bool = True

    def fingerprint(self) -> str:
        """What identifies the images, wherever they are stored."""
        raise NotImplementedError

    def read(self, watch: Watch | None) -> tuple[Images, Images]:
        """The training and the test images."""
        raise NotImplementedError

    def load(self, device: Any, watch: Watch | None = None) -> None:
        train, test = self.read(watch)
        self.margin = self.size // 8 if self.augment else 0
        # Zeros around every image, stored once, make any crop a plain gather.
        self.train_pixels = F.pad(train.pixels, (0, 0, *[self.margin] * 4)).to(device)
        self.train_labels = train.labels.to(device)
        self.test_pixels, self.test_labels = test.pixels.to(device), test.labels.to(device)
        self.normalise = Normalise(self.mean, self.std, self.size, device)
        self.one_hot = torch.eye(len(self.classes), device=device)
        self.side = torch.arange(self.size, device=device)
        self.backwards = self.side.flip(0)

    def train_batches(self, batch: int, seed: int, only: Tensor | None = None) -> Iterator[Batch]:
        check_batch(batch, self.train_count)
        return self._epoch(batch, seed, only)

    def test_batches(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for pixels, labels in zip(self.test_pixels.split(batch), self.test_labels.split(batch), strict=True):
            yield self.normalise(pixels), labels

    def _epoch(self, batch: int, seed: int, only: Tensor | None = None) -> Iterator[Batch]:
        drawn = self.drawn(torch.Generator(self.train_pixels.device).manual_seed(seed), only)
        for start in range(0, len(drawn.order) - batch + 1, batch):
            yield self.gathered(drawn, slice(start, start + batch))

    def drawn(self, generator: torch.Generator, only: Tensor | None = None) -> Drawn:
        device = self.train_pixels.device
        count = self.train_count if only is None else len(only)

        def draw(choices: int) -> Tensor:
            return torch.randint(choices, (count, 1), generator=generator, device=device)

        order = torch.randperm(count, generator=generator, device=device)
        if only is not None:
            order = only.to(device)[order]
        down, right = draw(2 * self.margin + 1), draw(2 * self.margin + 1)
        return Drawn(order, down, right, draw(2 if self.augment and self.flip else 1).bool())

    def gathered(self, drawn: Drawn, rows: slice) -> Batch:
        """One batch: a part of the epoch's order, cropped, flipped and normalised."""
        index = drawn.order[rows]
        columns = drawn.right[rows] + torch.where(drawn.mirrored[rows], self.backwards, self.side)
        pixels = self._crops(index, drawn.down[rows] + self.side, columns)
        return Batch(self.normalise(pixels), self.one_hot[self.train_labels[index]], index)

    def _crops(self, index: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Each pixel is found by its number among all pixels: [N], [N, H], [N, W] -> [N, H, W, 3]."""
        stored = self.train_pixels.shape[1]
        number = (index[:, None] * stored + rows)[:, :, None] * stored + columns[:, None, :]
        return self.train_pixels.view(-1, 3).index_select(0, number.view(-1)).view(*number.shape, 3)


def check_batch(batch: int, train_count: int) -> None:
    if batch > train_count:
        raise Mistake(f"batch is {batch}; choose {train_count} or less, the number of training images")
