"""Data sets whose pixels are kept on the device; a batch is one gather."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.data.augment.resizing import enlarged
from unix_exp.data.held_out import held_out, rest_of
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.data.showing import Drawn, Showing
from unix_exp.types import Batch, Mistake, View, Watch


class Images(NamedTuple):
    """The training or the test images as they are read, before anything is done to them."""

    pixels: Tensor  # [M, H, W, 3] uint8
    labels: Tensor  # [M] int64

    def some(self, rows: Sequence[int]) -> Images:
        return Images(self.pixels[list(rows)], self.labels[list(rows)])


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


class Resident(Showing):
    """A data set small enough to live on the device, where a whole batch is cropped, flipped and normalised at once.

    A subclass knows classes, size and counts when constructed, and mean and std when `read` returns. Of the training
    images that `read` returns, `held` are for validation, and `train_count` counts the others.
    """

    classes: tuple[str, ...]
    test_count: int
    mean: Sequence[float]  # of pixels in [0, 1], by channel
    std: Sequence[float]
    val: float = 0.0
    split_seed: int = 0
    val_count: int = 0

    def fingerprint(self) -> str:
        """What identifies the images, wherever they are stored."""
        raise NotImplementedError

    def read(self, watch: Watch | None) -> tuple[Images, Images]:
        """The training images, those for validation among them, and the test images."""
        raise NotImplementedError

    def held(self, labels: Sequence[int]) -> list[int]:
        """The rows of the validation images."""
        return held_out(labels, self.val, self.split_seed)

    def preprocessing(self) -> Preprocessing:
        return Preprocessing(self.size, self.size, "bicubic", tuple(self.mean), tuple(self.std))

    def load(self, device: Any, watch: Watch | None = None) -> None:
        train, test = self.read(watch)
        held = self.held(train.labels.tolist()) if self.val_count else []
        assert len(held) == self.val_count, "the counts said so"
        if held:
            val, train = train.some(held), train.some(rest_of(len(train.labels), held))
            self.val_pixels, self.val_labels = val.pixels.to(device), val.labels.to(device)
        self.margin = self.offsets // 2
        # Zeros around every image, stored once, make any crop a plain gather.
        self.train_pixels = F.pad(train.pixels, (0, 0, *[self.margin] * 4)).to(device)
        self.train_labels = train.labels.to(device)
        self.test_pixels, self.test_labels = test.pixels.to(device), test.labels.to(device)
        self.normalise = Normalise(self.mean, self.std, self.size, device)
        self.one_hot = torch.eye(len(self.classes), device=device)
        self.side = torch.arange(self.size, device=device)
        self.backwards = self.side.flip(0)
        self.change = self.augmentation.change

    def train_batches(
        self, batch: int, seed: int, only: Tensor | None = None, view: View | None = None, first: int = 0
    ) -> Iterator[Batch]:
        check_batch(batch, self.train_count)
        return self._epoch(batch, seed, only, view, first)

    def view_batches(self, batch: int, view: View, first: int = 0) -> Iterator[Tensor]:
        every = torch.arange(self.train_count, device=self.train_pixels.device)
        drawn = self.viewed(every, view)
        for start in range(first, self.train_count, batch):
            yield self.gathered(drawn, slice(start, start + batch)).images

    def test_batches(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._plain(self.test_pixels, self.test_labels, batch)

    def val_batches(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._plain(self.val_pixels, self.val_labels, batch)

    def shown_plainly(self, rows: Sequence[int], batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        middle = slice(self.margin, self.margin + self.size)
        return self._plain(self.train_pixels[list(rows), middle, middle], self.train_labels[list(rows)], batch)

    def _plain(self, pixels: Tensor, labels: Tensor, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        for some, theirs in zip(pixels.split(batch), labels.split(batch), strict=True):
            yield self.normalise(some), theirs

    def _epoch(self, batch: int, seed: int, only: Tensor | None, view: View | None, first: int) -> Iterator[Batch]:
        drawn = self.drawn(torch.Generator(self.train_pixels.device).manual_seed(seed), only, view)
        for start in range(first * batch, len(drawn.order) - batch + 1, batch):
            rows = slice(start, start + batch)
            made = self.gathered(drawn, rows)
            if view is not None and view.answers is not None:
                crop = None if drawn.crop is None else drawn.crop[rows]
                made = made._replace(answers=view.answers.of(made.index, crop))
            yield made

    def gathered(self, drawn: Drawn, rows: slice) -> Batch:
        """One batch: a part of the epoch's order, cropped, flipped and normalised."""
        index = drawn.order[rows]
        columns = torch.where(drawn.mirrored[rows], self.backwards, self.side)
        crops = partial(self._crops, index, drawn.down[rows], drawn.right[rows])
        if drawn.extent is None:
            pixels = crops(self.side, columns)
        else:
            pixels = enlarged(crops, self.side.expand_as(columns), columns, drawn.extent[rows])
        if drawn.change is not None:
            pixels = self.change(pixels.permute(0, 3, 1, 2), drawn.change[rows]).permute(0, 2, 3, 1)
        return Batch(self.normalise(pixels), self.one_hot[self.train_labels[index]], index)

    def _crops(self, index: Tensor, down: Tensor, right: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Each pixel is found by its number among all pixels: [N], [N, 1], [N, 1], [N, H], [N, W] -> [N, H, W, 3]."""
        stored = self.train_pixels.shape[1]
        number = (index[:, None] * stored + down + rows)[:, :, None] * stored + (right + columns)[:, None, :]
        return self.train_pixels.view(-1, 3).index_select(0, number.view(-1)).view(*number.shape, 3)


def check_batch(batch: int, train_count: int) -> None:
    if batch > train_count:
        raise Mistake(f"batch is {batch}; choose {train_count} or less, the number of training images")
