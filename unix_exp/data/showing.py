"""How an epoch shows images that are on the device: what is drawn for each, as a function of a seed."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import torch
from torch import Tensor

from unix_exp.data.augment.augmentation import Augmentation, Cut
from unix_exp.data.augment.choice import Augment, chosen
from unix_exp.data.augment.resizing import parts
from unix_exp.types import Mistake, View


class Drawn(NamedTuple):
    """An epoch's random numbers: the order of the images, and how each is cropped, flipped and changed."""

    order: Tensor  # [M] int64
    down: Tensor  # [M, 1] int64, where the crop begins
    right: Tensor
    mirrored: Tensor  # [M, 1] bool
    crop: Tensor | None = None  # [M] int64, the number of the crop that the stored answer belongs to
    extent: Tensor | None = None  # [M, 2] int64, height and width of the crop, which is enlarged; None: it is whole
    change: Tensor | None = None  # [M, ...] on the CPU, what the augmentation does to each; None: nothing


class Showing:
    """The part of a data set that draws how each training image is shown; a subclass has the images."""

    size: int
    train_count: int
    train_pixels: Tensor  # where these are, random numbers are drawn
    augment: Augment = True
    flip: bool = True

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


def generator_beside(generator: torch.Generator) -> torch.Generator:
    """One on the CPU for what a step has to know without asking the device: a function of the other's seed alone."""
    digest = hashlib.sha256(f"augmentation {generator.initial_seed()}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
