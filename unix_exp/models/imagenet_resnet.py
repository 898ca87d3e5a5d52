"""ImageNet's ResNets (He et al. 2016, table 1) with a stem for small images: one 3x3 convolution, no pooling."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.models.parts import Network, adaptive_pool, conv, draw_he_weights, projection, stage
from unix_exp.registry import models


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.conv1 = conv(entering, leaving, 3, stride)
        self.bn1 = nn.BatchNorm2d(leaving)
        self.conv2 = conv(leaving, leaving, 3)
        self.bn2 = nn.BatchNorm2d(leaving)
        self.shortcut = projection(entering, leaving, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(inner)) + self.shortcut(x))


class Bottleneck(nn.Module):
    """A 3x3 convolution between a narrowing and a widening 1x1, beside a shortcut."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        width = leaving // 4
        self.conv1 = conv(entering, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv(width, leaving, 1)
        self.bn3 = nn.BatchNorm2d(leaving)
        self.shortcut = projection(entering, leaving, stride)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(x)))
        inner = F.relu(self.bn2(self.conv2(inner)))
        return F.relu(self.bn3(self.conv3(inner)) + self.shortcut(x))


class ImageNetResNet(Network):
    """A stem and four stages, each half the size and twice the width of the one before."""

    classified_by = "linear"

    def __init__(
        self,
        block: type[nn.Module],
        blocks: tuple[int, int, int, int],
        widths: tuple[int, int, int, int],
        num_classes: int = 100,
    ) -> None:
        super().__init__()
        self.conv1 = conv(3, 64, 3)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = stage(block, 64, widths[0], 1, blocks[0])
        self.layer2 = stage(block, widths[0], widths[1], 2, blocks[1])
        self.layer3 = stage(block, widths[1], widths[2], 2, blocks[2])
        self.layer4 = stage(block, widths[2], widths[3], 2, blocks[3])
        self.linear = nn.Linear(widths[3], num_classes)
        draw_he_weights(self)

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        x = F.relu(self.bn1(self.conv1(images)))
        yield x
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            yield x

    def embed(self, last: Tensor) -> Tensor:
        return adaptive_pool(last)


models.register("resnet18")(partial(ImageNetResNet, BasicBlock, (2, 2, 2, 2), (64, 128, 256, 512)))
models.register("resnet34")(partial(ImageNetResNet, BasicBlock, (3, 4, 6, 3), (64, 128, 256, 512)))
models.register("resnet50")(partial(ImageNetResNet, Bottleneck, (3, 4, 6, 3), (256, 512, 1024, 2048)))
