"""ResNets for 32-pixel images (He et al. 2016, section 4.2), and the same four times wider."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.models.parts import Network, conv, draw_he_weights, projection, stage
from unix_exp.registry import models


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv(entering, leaving, 3, stride)
        self.bn1 = nn.BatchNorm2d(leaving)
        self.conv2 = conv(leaving, leaving, 3)
        self.bn2 = nn.BatchNorm2d(leaving)
        self.downsample = projection(entering, leaving, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.downsample(x))


class CifarResNet(Network):
    """A stem and three stages of equally many blocks; `depth` counts the layers with weights."""

    classified_by = "fc"

    def __init__(self, depth: int, widths: tuple[int, int, int, int], num_classes: int = 100) -> None:
        super().__init__()
        stem, *wide = widths
        blocks = (depth - 2) // 6
        self.conv1 = conv(3, stem, 3)
        self.bn1 = nn.BatchNorm2d(stem)
        self.layer1 = stage(Block, stem, wide[0], 1, blocks)
        self.layer2 = stage(Block, wide[0], wide[1], 2, blocks)
        self.layer3 = stage(Block, wide[1], wide[2], 2, blocks)
        self.fc = nn.Linear(wide[2], num_classes)
        draw_he_weights(self)

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        x = F.relu(self.bn1(self.conv1(images)))
        yield x
        for layer in (self.layer1, self.layer2, self.layer3):
            x = layer(x)
            yield x


for depth in (8, 14, 20, 32, 44, 56, 110):
    models.register(f"resnet{depth}")(partial(CifarResNet, depth, (16, 16, 32, 64)))
for depth in (8, 14, 32):
    models.register(f"resnet{depth}x4")(partial(CifarResNet, depth, (32, 64, 128, 256)))
