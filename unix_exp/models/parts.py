"""What the networks written here have in common.

Their attributes are named as in the checkpoints that the field shares, so that those load unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.types import Mistake, Output


def conv(entering: int, leaving: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    """A convolution that keeps the size at stride 1; a batch norm follows it and brings the bias."""
    return nn.Conv2d(entering, leaving, kernel, stride, padding=kernel // 2, groups=groups, bias=False)


def projection(entering: int, leaving: int, stride: int) -> nn.Module:
    """The shortcut of a residual block: nothing, or a 1x1 convolution where the shape changes."""
    if stride == 1 and entering == leaving:
        return nn.Identity()
    return nn.Sequential(conv(entering, leaving, 1, stride), nn.BatchNorm2d(leaving))


def stage(
    block: Callable[[int, int, int], nn.Module], entering: int, leaving: int, stride: int, blocks: int
) -> nn.Sequential:
    """Blocks in a row: the first changes width and size, the others keep them."""
    rest = (block(leaving, leaving, 1) for _ in range(blocks - 1))
    return nn.Sequential(block(entering, leaving, stride), *rest)


def draw_he_weights(net: nn.Module) -> None:
    """Draw each convolution from normal(0, sqrt(2 / (kernel area x leaving channels))), as these families do."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def shuffled(maps: Tensor, groups: int) -> Tensor:
    """The first channel of every group, then the second, and so on, in the memory format of the maps."""
    # F.channel_shuffle keeps channels_last only on the CPU; anywhere else the next convolution converts its input.
    return interleaved(*maps.chunk(groups, 1)) if is_channels_last(maps) else F.channel_shuffle(maps, groups)


def interleaved(*maps: Tensor) -> Tensor:
    """Maps of the same width as one, a channel of each in turn, in the memory format of the first.

    Give it slices of wider maps: on the CPU torch.stack copies dense ones value by value, which takes several times as
    long.
    """
    if not is_channels_last(maps[0]):
        return torch.stack(maps, 2).flatten(1, 2)
    count, width, *size = maps[0].shape
    pixels = [one.permute(0, 2, 3, 1).flatten(0, 2) for one in maps]  # of five dimensions, a GPU copies each map alone
    return torch.stack(pixels, 2).view(count, *size, len(maps) * width).permute(0, 3, 1, 2)


def is_channels_last(maps: Tensor) -> bool:
    """Also of a slice, which `is_contiguous` denies."""
    return maps.stride(1) == 1


def mean_pool(maps: Tensor) -> Tensor:
    """[N, D, H, W] -> [N, D] for any H and W."""
    return maps.mean((2, 3))


def adaptive_pool(maps: Tensor) -> Tensor:
    """The same value as `mean_pool`, for the families whose published cost has it: fvcore prices this one only."""
    return F.adaptive_avg_pool2d(maps, 1).flatten(1)


class Network(nn.Module):
    """Feature maps, an embedding of the last one, and a classifier that is called as in the field's checkpoints."""

    classified_by: ClassVar[str]

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        """The stem's maps and then every stage's, each computed when it is asked for."""
        raise NotImplementedError

    def embed(self, last: Tensor) -> Tensor:
        """[N, D, H, W], the last maps -> [N, D]"""
        return mean_pool(last)

    def first_maps(self, images: Tensor, count: int) -> tuple[Tensor, ...]:
        """The first maps alone; what comes after them is not computed."""
        return tuple(islice(self.maps(images), count))

    def forward(self, images: Tensor) -> Output:
        maps = tuple(self.maps(images))
        embedding = self.embed(maps[-1])
        return Output(self.classify(embedding), (*maps, embedding), embedding)

    def classify(self, embedding: Tensor) -> Tensor:
        """[N, D] -> [N, C]"""
        logits: Tensor = getattr(self, self.classified_by)(embedding)
        return logits


def classify(network: nn.Module, embedding: Tensor, role: str) -> Tensor:
    """What a network's classifier says of any embedding; gradient flows to the embedding."""
    way = getattr(network, "classify", None)
    if way is None:
        raise Mistake(
            f"the {role}, a {type(network).__name__}, cannot classify an embedding, which this method needs; "
            "give it a method classify(embedding) -> logits, or choose another network"
        )
    logits: Tensor = way(embedding)
    return logits
