"""ShuffleNet (Zhang et al. 2018) in three groups, with a stem for small images."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.models.parts import Network, conv, shuffled, stage
from unix_exp.registry import models

GROUPS = 3
STEM = 24


class Unit(nn.Module):
    """Grouped 1x1 convolutions around a depthwise 3x3, with the channels shuffled between the groups.

    At stride 1 the input is added; at stride 2 it is pooled and concatenated.
    """

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.groups = 1 if entering == STEM else GROUPS  # the stem has too few channels for groups
        made = leaving - entering if stride == 2 else leaving
        narrow = made // 4
        self.conv1 = conv(entering, narrow, 1, groups=self.groups)
        self.bn1 = nn.BatchNorm2d(narrow)
        self.conv2 = conv(narrow, narrow, 3, stride, groups=narrow)
        self.bn2 = nn.BatchNorm2d(narrow)
        self.conv3 = conv(narrow, made, 1, groups=GROUPS)
        self.bn3 = nn.BatchNorm2d(made)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu(self.bn1(self.conv1(x)))
        if self.groups > 1:
            inner = shuffled(inner, self.groups)
        inner = F.relu(self.bn2(self.conv2(inner)))
        made = self.bn3(self.conv3(inner))
        if self.stride == 1:
            return F.relu(made + x)
        return F.relu(torch.cat([made, F.avg_pool2d(x, 3, stride=2, padding=1)], 1))


@models.register("shufflev1")
class ShuffleNetV1(Network):
    """A 1x1 stem and three stages, each half the size and twice the width of the one before."""

    classified_by = "linear"

    def __init__(self, num_classes: int = 100) -> None:
        super().__init__()
        self.conv1 = conv(3, STEM, 1)
        self.bn1 = nn.BatchNorm2d(STEM)
        self.layer1 = stage(Unit, STEM, 240, 2, 4)
        self.layer2 = stage(Unit, 240, 480, 2, 8)
        self.layer3 = stage(Unit, 480, 960, 2, 4)
        self.linear = nn.Linear(960, num_classes)

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        x = F.relu(self.bn1(self.conv1(images)))
        yield x
        for layer in (self.layer1, self.layer2, self.layer3):
            x = layer(x)
            yield x
