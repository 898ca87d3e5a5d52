"""MobileNetV2 (Sandler et al. 2018) at half width, with strides for small images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import Tensor, nn

from unix_exp.models.parts import Network, conv, draw_he_weights, mean_pool, stage
from unix_exp.registry import models

STAGES = (  # the paper's table 2 at half width: expansion, channels, blocks, stride; the second stage keeps the size
    (1, 8, 1, 1),
    (6, 12, 2, 1),
    (6, 16, 3, 2),
    (6, 32, 4, 2),
    (6, 48, 3, 1),
    (6, 80, 3, 2),
    (6, 160, 1, 1),
)
# The stages among the features: the last at each size, and the second, where the first downsampling would be.
SHOWN = (1, 2, 4, 6)


class InvertedResidual(nn.Module):
    """Widen, filter each channel alone, narrow; a shortcut joins the narrow ends where the shape stays."""

    def __init__(self, expansion: int, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        wide = entering * expansion
        self.keeps_shape = stride == 1 and entering == leaving
        self.conv = nn.Sequential(
            *conv_norm_relu(entering, wide, 1),
            *conv_norm_relu(wide, wide, 3, stride, groups=wide),
            conv(wide, leaving, 1),
            nn.BatchNorm2d(leaving),
        )

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = self.conv(x)
        return x + inner if self.keeps_shape else inner


@models.register("mobilenetv2")
class MobileNetV2(Network):
    """A stem that halves the image, seven stages of inverted residuals, a wide last convolution."""

    classified_by = "classifier"

    def __init__(self, num_classes: int = 100) -> None:
        super().__init__()
        self.conv1 = conv_norm_relu(3, 16, 3, stride=2)
        self.blocks = nn.Sequential()
        entering = 16
        for expansion, leaving, blocks, stride in STAGES:
            self.blocks.append(stage(partial(InvertedResidual, expansion), entering, leaving, stride, blocks))
            entering = leaving
        self.conv2 = conv_norm_relu(entering, 1280, 1)
        self.classifier = nn.Linear(1280, num_classes)
        draw_he_weights(self)
        nn.init.normal_(self.classifier.weight, std=0.01)
        nn.init.zeros_(self.classifier.bias)

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        x = self.conv1(images)
        yield x
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in SHOWN:
                yield x

    def embed(self, last: Tensor) -> Tensor:
        return mean_pool(self.conv2(last))


def conv_norm_relu(entering: int, leaving: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(conv(entering, leaving, kernel, stride, groups), nn.BatchNorm2d(leaving), nn.ReLU())
