"""ShuffleNet V2 (Ma et al. 2018) at width 1, with a stem for small images."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.models.parts import Network, conv, interleaved, mean_pool
from unix_exp.registry import models

Halves = tuple[Tensor, Tensor]  # of a map's channels; a convolution would first have to copy a slice of the whole map


def shuffled_halves(first: Tensor, second: Tensor) -> Halves:
    """The halves of what shuffling the channels of both together gives."""
    (of_first, rest_of_first), (of_second, rest_of_second) = first.chunk(2, 1), second.chunk(2, 1)
    return interleaved(of_first, of_second), interleaved(rest_of_first, rest_of_second)


class Unit(nn.Module):
    """Half of the channels pass untouched, the other half are convolved; then the halves are shuffled together."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1 = conv(half, half, 1)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = conv(half, half, 3, groups=half)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = conv(half, half, 1)
        self.bn3 = nn.BatchNorm2d(half)

    def forward(self, halves: Halves) -> Halves:
        kept, inner = halves
        inner = F.relu(self.bn1(self.conv1(inner)))
        inner = self.bn2(self.conv2(inner))
        inner = F.relu(self.bn3(self.conv3(inner)))
        return shuffled_halves(kept, inner)


class DownUnit(nn.Module):
    """Both branches see all channels and halve the size; together they make the new width."""

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        half = leaving // 2
        self.conv1 = conv(entering, entering, 3, 2, groups=entering)
        self.bn1 = nn.BatchNorm2d(entering)
        self.conv2 = conv(entering, half, 1)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = conv(entering, half, 1)
        self.bn3 = nn.BatchNorm2d(half)
        self.conv4 = conv(half, half, 3, 2, groups=half)
        self.bn4 = nn.BatchNorm2d(half)
        self.conv5 = conv(half, half, 1)
        self.bn5 = nn.BatchNorm2d(half)

    def forward(self, x: Tensor) -> Halves:
        short = F.relu(self.bn2(self.conv2(self.bn1(self.conv1(x)))))
        long = F.relu(self.bn3(self.conv3(x)))
        long = F.relu(self.bn5(self.conv5(self.bn4(self.conv4(long)))))
        return shuffled_halves(short, long)


@models.register("shufflev2")
class ShuffleNetV2(Network):
    """A 1x1 stem, three stages, each half the size and twice the width of the one before, a wide last convolution."""

    classified_by = "linear"

    def __init__(self, num_classes: int = 100) -> None:
        super().__init__()
        self.conv1 = conv(3, 24, 1)
        self.bn1 = nn.BatchNorm2d(24)
        self.layer1 = stage(24, 116, 4)
        self.layer2 = stage(116, 232, 8)
        self.layer3 = stage(232, 464, 4)
        self.conv2 = conv(464, 1024, 1)
        self.bn2 = nn.BatchNorm2d(1024)
        self.linear = nn.Linear(1024, num_classes)

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        x = F.relu(self.bn1(self.conv1(images)))
        yield x
        for layer in (self.layer1, self.layer2, self.layer3):
            x = torch.cat(layer(x), 1)
            yield x

    def embed(self, last: Tensor) -> Tensor:
        return mean_pool(F.relu(self.bn2(self.conv2(last))))


def stage(entering: int, leaving: int, units: int) -> nn.Sequential:
    """The first unit halves the size, the others keep the shape."""
    rest = (Unit(leaving) for _ in range(units - 1))
    return nn.Sequential(DownUnit(entering, leaving), *rest)
