"""Shapes drawn from a seed: a data set that needs no download, with easy classes and hard ones."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin, tau
from typing import Annotated, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.data.augment.choice import Augment, Flip, checked
from unix_exp.data.held_out import HeldOut, SplitSeed, counted, marked
from unix_exp.data.resident import Images, Resident
from unix_exp.ranges import Range, Seed
from unix_exp.registry import datasets
from unix_exp.types import Mistake, Watch

# How far a point (x, y) is outside a figure, negative inside; the figure fills the unit disc.
Figure = Callable[[Tensor, Tensor], Tensor]

SIZE = 32
VERSION = 1  # part of the fingerprint: increase it when the drawing changes


def disc(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 1


def ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.8).abs() - 0.2


def broken_ring(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(ring(x, y), torch.minimum(x, 0.3 - y.abs()))


def half_disc(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(disc(x - 0.4, y), 0.4 - x)


def crescent(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(disc(x, y), 0.8 - torch.hypot(x - 0.5, y))


def frame(x: Tensor, y: Tensor) -> Tensor:
    return (torch.maximum(x.abs(), y.abs()) - 0.65).abs() - 0.17


def folded(x: Tensor, y: Tensor, times: int) -> tuple[Tensor, Tensor]:
    """Fold the plane like a paper star, so that what is drawn about the positive x axis appears `times` around."""
    radius, wedge = torch.hypot(x, y), tau / times
    angle = torch.remainder(torch.atan2(y, x) + wedge / 2, wedge) - wedge / 2
    return radius * angle.cos(), radius * angle.sin().abs()


def polygon(corners: int) -> Figure:
    return lambda x, y: folded(x, y, corners)[0] - cos(pi / corners)


def star(tips: int, waist: float) -> Figure:
    run, rise = 1 - waist * cos(pi / tips), waist * sin(pi / tips)  # the edge from a tip down to the waist

    def figure(x: Tensor, y: Tensor) -> Tensor:
        along, across = folded(x, y, tips)
        return ((along - 1) * rise + across * run) / float((run**2 + rise**2) ** 0.5)

    return figure


def spokes(count: int) -> Figure:
    def figure(x: Tensor, y: Tensor) -> Tensor:
        along, across = folded(x, y, count)
        return torch.maximum(along - 1, across - 0.16)

    return figure


def dots(count: int) -> Figure:
    def figure(x: Tensor, y: Tensor) -> Tensor:
        along, across = folded(x, y, count)
        return torch.hypot(along - 0.68, across) - 0.3

    return figure


def bars(count: int) -> Figure:
    pitch = 1.8 / (count - 0.4)

    def figure(x: Tensor, y: Tensor) -> Tensor:
        nearest = (x / pitch + (count - 1) / 2).round().clamp(0, count - 1) - (count - 1) / 2
        return torch.maximum((x - nearest * pitch).abs() - 0.3 * pitch, y.abs() - 0.8)

    return figure


def stripes(angle: float) -> Figure:
    across, along = cos(angle), sin(angle)
    return lambda x, y: torch.maximum(disc(x, y), (7 * (x * across + y * along)).sin() / 7)


def checkers(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(disc(x, y), (5 * x).sin() * (5 * y).sin() / 5)


UPRIGHT: dict[str, Figure] = {  # these differ by their orientation, so they are hardly turned
    "level stripes": stripes(pi / 2),
    "upright stripes": stripes(0),
    "slanted stripes": stripes(pi / 4),
    "checkers": checkers,
}
TURNED: dict[str, Figure] = {
    "disc": disc,
    "ring": ring,
    "broken ring": broken_ring,
    "half disc": half_disc,
    "crescent": crescent,
    "frame": frame,
    "triangle": polygon(3),
    "square": polygon(4),
    "pentagon": polygon(5),
    "hexagon": polygon(6),
    "five-tipped star": star(5, 0.42),
    "six-tipped star": star(6, 0.5),
    "three spokes": spokes(3),
    "four spokes": spokes(4),
    "five spokes": spokes(5),
    "six spokes": spokes(6),
    "two bars": bars(2),
    "three bars": bars(3),
    "three dots": dots(3),
    "four dots": dots(4),
}
FIGURES = {**UPRIGHT, **TURNED}

Drawn: TypeAlias = Annotated[int, Range(len(FIGURES), 1_000_000)]  # at most 3 GB of SIZE


@datasets.register("shapes")
class Shapes(Resident):
    """Drawn shapes, 32x32, 24 classes: some very different, some that differ by one spoke or corner."""

    classes = tuple(FIGURES)
    mean = (0.5, 0.5, 0.5)
    std = (0.25, 0.25, 0.25)

    def __init__(
        self,
        train_count: Annotated[Drawn, "how many training images, one for each class in turn"] = 6000,
        test_count: Annotated[Drawn, "how many test images"] = 2400,
        seed: Annotated[Seed, "of the drawing"] = 0,
        augment: Augment = True,
        flip: Flip = True,
        val: HeldOut = 0.0,
        split_seed: SplitSeed = 0,
        side: Annotated[int, Range(SIZE // 2, 256), "side in pixels"] = SIZE,
    ) -> None:
        for name, count in (("train_count", train_count), ("test_count", test_count)):
            if count < len(FIGURES):
                raise Mistake(f"dataset.{name} is {count}; choose {len(FIGURES)} or more, one per class")
        if seed < 0:
            raise Mistake(f"dataset.seed is {seed}; choose 0 or more")
        self.drawn_count, self.test_count, self.seed = train_count, test_count, seed
        self.augment, self.flip, self.val, self.split_seed = checked(augment), flip, val, split_seed
        self.size = side
        classes = len(FIGURES)
        self.val_count = counted(((train_count - first - 1) // classes + 1 for first in range(classes)), val)
        self.train_count = train_count - self.val_count

    def fingerprint(self) -> str:
        drawn = f"shapes-{VERSION}-{self.drawn_count}-{self.test_count}-{self.seed}"
        drawn += f"-{self.size}" if self.size != SIZE else ""
        return marked(drawn, self.val, self.split_seed)

    def read(self, watch: Watch | None = None) -> tuple[Images, Images]:
        # Even seeds draw training images, odd ones test images: no seed's test set is another's training set.
        train, test = 2 * self.seed, 2 * self.seed + 1
        return draw(self.drawn_count, train, self.size), draw(self.test_count, test, self.size)


def draw(count: int, seed: int, size: int = SIZE) -> Images:
    """Draw `count` shapes of all classes in turn, a few at a time so that the work stays in the cache."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % len(FIGURES)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sharing pieces this small takes ten times as long where the cores are busy
    try:
        return Images(torch.cat([draw_some(some, generator, size) for some in labels.split(4 * len(FIGURES))]), labels)
    finally:
        torch.set_num_threads(threads)


def stretching(count: int, size: int) -> Tensor:
    """The matrix [size, count] that enlarges a row bilinearly, as F.interpolate does, which takes far longer."""
    return F.interpolate(torch.eye(count, dtype=torch.float64)[None], size, mode="linear")[0].T


def draw_some(labels: Tensor, generator: torch.Generator, size: int = SIZE) -> Tensor:
    """One image for each label, which count from 0 and begin again: [N] -> [N, H, W, 3] uint8."""
    count = len(labels)

    def between(low: float, high: float, *shape: int) -> Tensor:
        # In double precision no machine's rounding of a sine shows in the eight bits that are kept.
        return torch.rand(count, *shape, generator=generator, dtype=torch.float64).mul_(high - low).add_(low)

    finer = size / SIZE  # lengths are in pixels of an image of SIZE
    level = (torch.arange(size, dtype=torch.float64) + 0.5) / finer
    background = between(0, 1, 3, 4, 4)  # a soft texture, one colour varied
    tint, strength = between(0.1, 0.45, 3, 1, 1), between(0.05, 0.3, 1, 1, 1)
    stretch = stretching(4, size)
    canvas = (stretch @ (background - 0.5) @ stretch.mT).mul_(strength).add_(tint)

    def paint(outside: Tensor, colour: Tensor) -> None:
        canvas.lerp_(colour, (0.5 - finer * outside).clamp_(0, 1)[:, None])  # the edge fades over a pixel

    def offsets(low: float, high: float) -> tuple[Tensor, Tensor]:
        right, down = between(low, high, 2, 1, 1).unbind(1)
        return level - right, level[:, None] - down

    # Clutter: a dash, from a dot to a scratch.
    (x, y), turn = offsets(0, SIZE), between(0, pi, 1, 1)
    along, across = x * turn.cos() + y * turn.sin(), y * turn.cos() - x * turn.sin()
    overhang = (along.abs() - between(0, 7, 1, 1)).clamp_(min=0)
    paint(torch.hypot(overhang, across) - between(0.7, 1.7, 1, 1), between(0, 1, 3, 1, 1))

    radius, squash = between(8, 12, 1, 1), between(0.8, 1, 1, 1)
    x, y = offsets(13, 19)
    turned = (labels >= len(UPRIGHT))[:, None, None]
    turn = between(-1, 1, 1, 1) * torch.where(turned, pi, 0.25)
    x, y = (x * turn.cos() + y * turn.sin()) / radius, (y * turn.cos() - x * turn.sin()) / (radius * squash)
    outside = torch.empty(count, size, size, dtype=torch.float64)
    for label, figure in enumerate(FIGURES.values()):
        members = slice(label, None, len(FIGURES))
        outside[members] = figure(x[members], y[members])
    # Lighter than the background in every channel, so that a small network finds the shape easily.
    colour = tint + between(0.2, 0.55, 3, 1, 1)
    paint(outside * radius * squash, colour)

    canvas += between(-0.5, 0.5, 3, size, size) * between(0, 0.25, 1, 1, 1)
    return (canvas * 255).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
