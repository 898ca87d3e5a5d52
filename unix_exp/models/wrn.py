"""Wide residual networks (Zagoruyko & Komodakis 2016): norm and relu come before each convolution."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.models.parts import Network, conv, draw_he_weights, mean_pool, stage
from unix_exp.registry import models


class Block(nn.Module):
    """Two pre-activated 3x3 convolutions beside a shortcut."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(entering)
        self.conv1 = conv(entering, leaving, 3, stride)
        self.bn2 = nn.BatchNorm2d(leaving)
        self.conv2 = conv(leaving, leaving, 3)
        self.convShortcut = None if entering == leaving else conv(entering, leaving, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        active = F.relu(self.bn1(x))
        shortcut = x if self.convShortcut is None else self.convShortcut(active)
        inner: Tensor = self.conv2(F.relu(self.bn2(self.conv1(active))))
        return shortcut + inner


class Stage(nn.Module):
    """A stage as an attribute `layer`, where the field's checkpoints have it."""

    def __init__(self, entering: int, leaving: int, stride: int, blocks: int) -> None:
        super().__init__()
        self.layer = stage(Block, entering, leaving, stride, blocks)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.layer(x)
        return maps


class WideResNet(Network):
    """A stem and three stages; features are taken before norm and relu."""

    classified_by = "fc"

    def __init__(self, depth: int, widen: int, num_classes: int = 100) -> None:
        super().__init__()
        blocks = (depth - 4) // 6
        self.conv1 = conv(3, 16, 3)
        self.block1 = Stage(16, 16 * widen, 1, blocks)
        self.block2 = Stage(16 * widen, 32 * widen, 2, blocks)
        self.block3 = Stage(32 * widen, 64 * widen, 2, blocks)
        self.bn1 = nn.BatchNorm2d(64 * widen)
        self.fc = nn.Linear(64 * widen, num_classes)
        draw_he_weights(self)
        nn.init.zeros_(self.fc.bias)

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        x = self.conv1(images)
        yield x
        for block in (self.block1, self.block2, self.block3):
            x = block(x)
            yield x

    def embed(self, last: Tensor) -> Tensor:
        return mean_pool(F.relu(self.bn1(last)))


for depth in (16, 40):
    for widen in (1, 2):
        models.register(f"wrn_{depth}_{widen}")(partial(WideResNet, depth, widen))
