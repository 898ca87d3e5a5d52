"""Data sets whose pixels are kept on the device; a batch is one gather."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.data.augment.augmentation import Augmentation, Cut
from unix_exp.data.augment.choice import Augment, chosen
from unix_exp.data.augment.resizing import enlarged, parts
from unix_exp.types import Batch, Mistake, View, Watch


class Images(NamedTuple):
    """The training or the test images as they are read, before anything is done to them."""

    pixels: Tensor  # [M, H, W, 3] uint8
    labels: Tensor  # [M] int64


class Drawn(NamedTuple):
    """An epoch's random numbers: the order of the images, and how each is cropped, flipped and changed."""

    order: Tensor  # [M] int64
    down: Tensor  # [M, 1] int64, where the crop begins
    right: Tensor
    mirrored: Tensor  # [M, 1] bool
    crop: Tensor | None = None  # [M] int64, the number of the crop that the stored answer belongs to
    extent: Tensor | None = None  # [M, 2] int64, height and width of the crop, which is enlarged; None: it is whole
    change: Tensor | None = None  # [M, ...] on the CPU, what the augmentation does to each; None: nothing


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
    augment: Augment = True
    flip: bool = True

    def fingerprint(self) -> str:
        """What identifies the images, wherever they are stored."""
        raise NotImplementedError

    def read(self, watch: Watch | None) -> tuple[Images, Images]:
        """The training and the test images."""
        raise NotImplementedError

    def load(self, device: Any, watch: Watch | None = None) -> None:
        train, test = self.read(watch)
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

    @property
    def augmentation(self) -> Augmentation:
        return chosen(self.augment)

    @property
    def cut(self) -> Cut:
        return self.augmentation.cut or Cut.SHIFTED

    @property
    def flips(self) -> bool:
        return self.flip and self.cut is not Cut.WHOLE

    @property
    def offsets(self) -> int:
        """Where a crop can begin, down or to the right."""
        return 2 * (self.size // 8) + 1 if self.cut is Cut.SHIFTED else 1

    @property
    def crops(self) -> int | None:
        """How many different crops, flips included, an image has; None where they are too many to count."""
        if self.cut is Cut.RESIZED or self.augmentation.draw(1, self.size, torch.Generator()) is not None:
            return None
        return self.offsets**2 * (2 if self.flips else 1)

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
        for pixels, labels in zip(self.test_pixels.split(batch), self.test_labels.split(batch), strict=True):
            yield self.normalise(pixels), labels

    def _epoch(self, batch: int, seed: int, only: Tensor | None, view: View | None, first: int) -> Iterator[Batch]:
        drawn = self.drawn(torch.Generator(self.train_pixels.device).manual_seed(seed), only, view)
        for start in range(first * batch, len(drawn.order) - batch + 1, batch):
            rows = slice(start, start + batch)
            made = self.gathered(drawn, rows)
            if view is not None and view.answers is not None:
                crop = None if drawn.crop is None else drawn.crop[rows]
                made = made._replace(answers=view.answers.of(made.index, crop))
            yield made

    def drawn(self, generator: torch.Generator, only: Tensor | None = None, view: View | None = None) -> Drawn:
        device = self.train_pixels.device
        count = self.train_count if only is None else len(only)
        order = torch.randperm(count, generator=generator, device=device)
        if only is not None:
            order = only.to(device)[order]
        if view is None or (view.seed is None and view.crop is None):
            shown = self.cropped(order, generator)
            if view is not None:
                shown = shown._replace(crop=self.number(shown))
        else:
            shown = self.viewed(order, view)
        return self.jittered(shown, view.jitter, generator) if view is not None and view.jitter else shown

    def cropped(self, order: Tensor, generator: torch.Generator) -> Drawn:
        """A crop, a flip and what else the augmentation does, for each image of an order."""

        def draw(choices: int) -> Tensor:
            return torch.randint(choices, (len(order), 1), generator=generator, device=order.device)

        beside, count = generator_beside(generator), len(order)
        extent = None
        if self.cut is Cut.RESIZED:
            moved = (one.to(order.device, non_blocking=True) for one in parts(count, self.size, beside))
            down, right, extent = moved
        else:
            down, right = draw(self.offsets), draw(self.offsets)
        mirrored = draw(2 if self.flips else 1).bool()
        return Drawn(order, down, right, mirrored, None, extent, self.augmentation.draw(count, self.size, beside))

    def viewed(self, order: Tensor, view: View) -> Drawn:
        """Images as a view shows them, whatever their order."""
        if view.crop is not None:
            self.check_countable()
            number = torch.full((len(order), 1), view.crop, device=order.device)
            corner, mirrored = (number // 2, number % 2) if self.flips else (number, number * 0)
            return Drawn(order, corner // self.offsets, corner % self.offsets, mirrored.bool())
        every = torch.arange(self.train_count, device=order.device)
        assert view.seed is not None
        shown = self.cropped(every, torch.Generator(order.device).manual_seed(view.seed))
        return Drawn(
            order, shown.down[order], shown.right[order], shown.mirrored[order],
            extent=None if shown.extent is None else shown.extent[order],
            change=None if shown.change is None else shown.change[order.cpu()],  # waits, before the first step
        )  # fmt: skip

    def number(self, drawn: Drawn) -> Tensor:
        """The number of each image's crop [M]: what `viewed` makes of it is the same crop."""
        self.check_countable()
        corner = drawn.down * self.offsets + drawn.right
        return (2 * corner + drawn.mirrored if self.flips else corner).flatten()

    def check_countable(self) -> None:
        if self.crops is None:
            raise Mistake("these images are shown in too many ways to number each; give answers.views=N")

    def jittered(self, drawn: Drawn, pixels: int, generator: torch.Generator) -> Drawn:
        """Shifted by up to so many pixels within the margin, and flipped once more or not."""

        def draw(choices: int) -> Tensor:
            return torch.randint(choices, drawn.down.shape, generator=generator, device=drawn.down.device)

        most = torch.full_like(drawn.down, self.offsets - 1) if drawn.extent is None else self.size - drawn.extent
        down, right = (
            torch.minimum((one + draw(2 * pixels + 1) - pixels).clamp_min(0), end)
            for one, end in ((drawn.down, most[:, :1]), (drawn.right, most[:, -1:]))
        )
        flipped = draw(2 if self.flips else 1).bool()
        return drawn._replace(down=down, right=right, mirrored=drawn.mirrored ^ flipped)

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


def generator_beside(generator: torch.Generator) -> torch.Generator:
    """One on the CPU for what a step has to know without asking the device: a function of the other's seed alone."""
    digest = hashlib.sha256(f"augmentation {generator.initial_seed()}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))


def check_batch(batch: int, train_count: int) -> None:
    if batch > train_count:
        raise Mistake(f"batch is {batch}; choose {train_count} or less, the number of training images")
