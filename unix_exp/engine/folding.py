"""A teacher that will never learn again: batch norms folded into their convolutions, in a precision of its own."""

from __future__ import annotations

import copy
import itertools
from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from unix_exp.engine.cpu import LearnsInFloat32
from unix_exp.types import Output

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}


class Frozen(nn.Module):
    """A network for looking only. What it says equals what the network said, up to rounding."""

    def __init__(self, network: nn.Module, precision: str) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False).to(DTYPES[precision])
        self.dtype = DTYPES[precision]

    @torch.no_grad()
    def forward(self, images: Tensor) -> Output:
        # The weights are converted once for all; autocast, which may be on for the student, would do it in every step.
        with torch.autocast(images.device.type, enabled=False):
            return self.network(images.to(self.dtype))


def frozen(network: nn.Module, precision: str, size: int) -> Frozen:
    """The same network, cheaper. It stays whole where folding would change what it says."""
    folded = with_norms_folded(network, size)
    return Frozen(folded if says_the_same(network, folded, size) else copy.deepcopy(network), precision)


@torch.no_grad()
def with_norms_folded(network: nn.Module, size: int) -> nn.Module:
    """A copy in which each batch norm that reads a convolution's output is part of that convolution."""
    folded = copy.deepcopy(network).eval()
    names = {module: name for name, module in folded.named_modules()}
    for convolution, norm in only_readers(folded, size):
        assert norm.running_mean is not None and norm.running_var is not None
        convolution.weight, convolution.bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        owner, _, name = names[norm].rpartition(".")
        setattr(folded.get_submodule(owner), name, nn.Identity())
    return folded


def only_readers(network: nn.Module, size: int) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Pairs of a convolution and the batch norm that alone reads its output."""
    watch = Watch()
    hooks = []
    for module in network.modules():
        if type(module) in (nn.Conv2d, LearnsInFloat32):
            hooks.append(module.register_forward_hook(watch.made))
        elif type(module) is nn.BatchNorm2d and module.track_running_stats:
            hooks += [module.register_forward_pre_hook(watch.reads), module.register_forward_hook(watch.has_read)]
    with watch:
        output = network(example(network, size))
    for hook in hooks:
        hook.remove()
    shown = [output.logits, output.embedding, *output.features]
    return watch.pairs(shown)


class Watch(TorchFunctionMode):
    """What becomes of every convolution's output while a network looks at an image.

    Watching finds the pairs in any network, whatever it calls its parts and in whatever order it names them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[tuple[Tensor, nn.Conv2d]] = []  # the tensors themselves: their numbers could be given anew
        self.read: list[tuple[Tensor, nn.BatchNorm2d]] = []
        self.elsewhere: list[Tensor] = []  # read by anything else
        self.reader: nn.BatchNorm2d | None = None

    def made(self, convolution: nn.Conv2d, _: tuple[Tensor, ...], output: Tensor) -> None:
        self.outputs.append((output, convolution))

    def reads(self, norm: nn.BatchNorm2d, arguments: tuple[Tensor, ...]) -> None:
        self.reader = norm
        self.read.append((arguments[0], norm))

    def has_read(self, norm: nn.BatchNorm2d, _: tuple[Tensor, ...], output: Tensor) -> None:
        self.reader = None

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.reader is None:
            self.elsewhere += [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        return function(*args, **(kwargs or {}))

    def pairs(self, shown: list[Tensor]) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """Each called once, the output read once and not shown to the criteria."""
        once = Counter([module for _, module in self.outputs] + [module for _, module in self.read])
        seen = Counter(map(id, [*(tensor for tensor, _ in self.read), *self.elsewhere, *shown]))
        norms = {id(tensor): norm for tensor, norm in self.read}
        return [
            (convolution, norm)
            for output, convolution in self.outputs
            if seen[id(output)] == 1 and (norm := norms.get(id(output))) is not None
            if once[convolution] == once[norm] == 1
        ]


@torch.no_grad()
def says_the_same(one: nn.Module, other: nn.Module, size: int) -> bool:
    """On noise, in everything that a criterion could read."""
    was_training = one.training
    images = example(one, size)
    outputs = [network.eval()(images) for network in (one, other)]
    one.train(was_training)
    first, second = ([output.logits, output.embedding, *output.features] for output in outputs)
    return all(near(left, right) for left, right in itertools.zip_longest(first, second))


def near(one: Tensor, other: Tensor) -> bool:
    scale = one.abs().max().clamp_min(1e-12)
    return bool(torch.isfinite(other).all() == torch.isfinite(one).all()) and bool(
        ((one - other).abs().max() / scale) < 1e-3
    )


def example(network: nn.Module, size: int) -> Tensor:
    weight = next(network.parameters())
    chance = torch.Generator().manual_seed(0)  # of its own: the run's chance stays where it is
    return torch.randn(2, 3, size, size, generator=chance).to(weight.device, weight.dtype)
