"""A network: any module that answers images with an Output.

python -m unix_exp.train plugins=examples/plain_net.py student=plain_net student.width=32
"""

from itertools import pairwise
from typing import Annotated

import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.ranges import Range
from unix_exp.registry import models
from unix_exp.types import Output


@models.register("plain_net")
class PlainNet(nn.Module):
    """A stem and three stages of one convolution each, without shortcuts."""

    def __init__(self, width: Annotated[int, Range(1, 4096)] = 16, num_classes: int = 100) -> None:
        super().__init__()
        widths = (3, width, width, 2 * width, 4 * width)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(entering, leaving, 3, stride=1 if leaving == width else 2, padding=1, bias=False)
            for entering, leaving in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(leaving) for leaving in widths[1:])
        self.classifier = nn.Linear(widths[-1], num_classes)

    def forward(self, images: Tensor) -> Output:
        maps, x = [], images
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x)))
            maps.append(x)
        embedding = x.mean((2, 3))
        return Output(self.classifier(embedding), (*maps, embedding), embedding)
