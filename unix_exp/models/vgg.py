"""VGG (Simonyan & Zisserman 2015) for small images: batch norm after each convolution, one linear layer at the end."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.models.parts import Network, adaptive_pool, draw_he_weights
from unix_exp.registry import models


class VGG(Network):
    """Five blocks of 3x3 convolutions; `convs` says how many in each."""

    classified_by = "classifier"

    def __init__(self, convs: tuple[int, int, int, int, int], num_classes: int = 100) -> None:
        super().__init__()
        self.block0 = block(3, 64, convs[0])
        self.block1 = block(64, 128, convs[1])
        self.block2 = block(128, 256, convs[2])
        self.block3 = block(256, 512, convs[3])
        self.block4 = block(512, 512, convs[4])
        self.classifier = nn.Linear(512, num_classes)
        draw_he_weights(self)
        nn.init.normal_(self.classifier.weight, std=0.01)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        x = F.relu(self.block0(images))
        yield x
        for block in (self.block1, self.block2, self.block3):
            x = F.relu(block(F.max_pool2d(x, 2)))
            yield x
        # the last block sees 4x4 maps: of a 32-pixel image as they are, of a larger one pooled once more
        yield F.relu(self.block4(x if images.shape[-1] < 64 else F.max_pool2d(x, 2)))

    def embed(self, last: Tensor) -> Tensor:
        return adaptive_pool(last)


def block(entering: int, leaving: int, convs: int) -> nn.Sequential:
    """Convolutions of one width; the relu after the last is left to the caller."""
    layers: list[nn.Module] = []
    for _ in range(convs):
        layers += [nn.Conv2d(entering, leaving, 3, padding=1), nn.BatchNorm2d(leaving), nn.ReLU()]
        entering = leaving
    return nn.Sequential(*layers[:-1])


models.register("vgg8")(partial(VGG, (1, 1, 1, 1, 1)))
models.register("vgg11")(partial(VGG, (1, 1, 2, 2, 2)))
models.register("vgg13")(partial(VGG, (2, 2, 2, 2, 2)))
models.register("vgg16")(partial(VGG, (2, 2, 3, 3, 3)))
models.register("vgg19")(partial(VGG, (2, 2, 4, 4, 4)))
