"""A frozen network whose convolutions compute in whole numbers of 8 bits, on a CPU that has instructions for it.

A weight is rounded to a 127th of the largest one of its leaving channel. What enters a convolution is rounded to 256
steps between the smallest and the largest value that some training images put there. Products are added up in 32 bits,
and what leaves is float32 again, so all else of the network, whatever its code, stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from unix_exp.types import Dataset

IMAGES, SEED = 512, 0  # how many training images tell the ranges, and what draws them
OF_A_WEIGHT, OF_AN_INPUT = 127, 255  # steps
SMALLEST = 1e-12  # so that nothing is divided by the zero of a channel without weights


def some_training_images(data: Dataset) -> list[Tensor]:
    """The same for every run on these images, whatever its batch and its seed."""
    batch = min(64, data.train_count)
    found = islice(data.train_batches(batch, SEED), math.ceil(IMAGES / batch))
    return [one.images for one in found]


@torch.no_grad()
def in_whole_numbers(network: nn.Module, shown: Iterable[Tensor]) -> nn.Module:
    """The network itself, its convolutions replaced.

    Convolutions in groups stay: on the processors that were tried whole numbers are slower there than float32.
    """
    ranges: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def note(convolution: nn.Module, inputs: tuple[Any, ...]) -> None:
        low, high = torch.aminmax(inputs[0])
        before = ranges.get(convolution, (low.new_zeros(()), high.new_zeros(())))  # zero is a step: images are padded
        ranges[convolution] = torch.minimum(low, before[0]), torch.maximum(high, before[1])

    hooks = [one.register_forward_pre_hook(note) for one in network.modules() if is_replaced(one)]
    for images in shown:
        network.eval()(images)
    for hook in hooks:
        hook.remove()
    for name, one in list(network.named_modules()):
        if one in ranges:
            assert isinstance(one, nn.Conv2d)
            owner, _, own = name.rpartition(".")
            setattr(network.get_submodule(owner), own, WholeNumbers(one, *map(float, ranges[one])))
    return network


def is_replaced(module: nn.Module) -> bool:
    if type(module) is not nn.Conv2d:
        return False
    return module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)


class WholeNumbers(nn.Module):
    """A convolution whose input lies between `low` and `high`; what is beyond is taken for the nearer of the two."""

    def __init__(self, convolution: nn.Conv2d, low: float, high: float) -> None:
        super().__init__()
        weight = convolution.weight.detach().float()
        self.step = max(high - low, SMALLEST) / OF_AN_INPUT
        self.zero = round(-low / self.step)
        steps = (weight.abs().amax((1, 2, 3)) / OF_A_WEIGHT).clamp_min(SMALLEST)
        rounded = (weight / steps.view(-1, 1, 1, 1)).round().to(torch.int8)
        self.steps, self.zeros = steps, torch.zeros(len(steps), dtype=torch.int64)
        self.bias = convolution.bias
        self.where = [list(one) for one in (convolution.stride, convolution.padding, convolution.dilation)]
        self.packed = torch.ops.onednn.qconv_prepack(rounded, steps, self.step, self.zero, *self.where, 1, None)

    def forward(self, maps: Tensor) -> Tensor:
        whole = maps.mul(1 / self.step).add_(self.zero).round_().clamp_(0, OF_AN_INPUT).to(torch.uint8)
        made: Tensor = torch.ops.onednn.qconv_pointwise(
            whole, self.step, self.zero, self.packed, self.steps, self.zeros, self.bias, *self.where, 1,
            1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return made
