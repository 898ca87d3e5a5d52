"""A network that is no longer trained: batch norms folded into their convolutions, in a precision of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.hooks import RemovableHandle

from unix_exp.engine.cpu import LearnsInFloat32
from unix_exp.engine.whole_numbers import in_whole_numbers
from unix_exp.models.copied import copied
from unix_exp.models.parts import classify
from unix_exp.types import Output

WHOLE_NUMBERS = "int8"
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, WHOLE_NUMBERS: torch.float32}  # of what is no convolution
LARGEST_DIFFERENCE = 1e-3  # of an output's largest value; in float32 folding stays far below


class Frozen(nn.Module):
    """A network that only answers; its answers equal the network's own up to rounding."""

    def __init__(self, network: nn.Module, precision: str) -> None:
        super().__init__()
        self.network = network.requires_grad_(False).to(DTYPES[precision])
        self.dtype = DTYPES[precision]
        self.eval()

    def train(self, mode: bool = True) -> Frozen:
        """Stay in eval mode: a batch norm that is not folded would answer by the batch, and change."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Output:
        # The weights were converted once; autocast, which may be on for the student, would convert them in every step.
        with torch.autocast(images.device.type, enabled=False):
            output: Output = self.network(images.to(self.dtype))
            return output

    def classify(self, embedding: Tensor) -> Tensor:
        """The logits of an embedding, which may be another network's: gradient flows to it."""
        with torch.autocast(embedding.device.type, enabled=False):
            return classify(self.network, embedding.to(self.dtype), "frozen network")

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "network":  # not set yet
                raise
            return getattr(self.network, name)  # a method may use the network's own parts, such as its classifier


def frozen(
    network: nn.Module,
    precision: str,
    size: int,
    say: Callable[[str], None] = print,
    shown: Callable[[], Sequence[Tensor]] | None = None,
) -> Frozen:
    """A cheaper copy of a network; where folding would change its answers, its batch norms stay, and that is said.

    `shown` gives images that tell the ranges of what is rounded to whole numbers; noise does if nothing is given.
    """
    # A GPU rounds convolutions to TF32, which differs from the folded ones by more than folding may. So folding and
    # comparing happen in float32 on the CPU, whatever device the network is on.
    plain = copied(network).to("cpu", torch.float32).eval()
    folded = with_norms_folded(plain, size)
    if (reason := refusal(plain, folded, size)) is not None:
        say(f"the batch norms of the frozen network are not folded into its convolutions, so it takes longer: {reason}")
        folded = copied(network)
    folded = folded.to(next(network.parameters()).device)
    if precision == WHOLE_NUMBERS:
        folded = in_whole_numbers(folded, [example(folded, size)] if shown is None else shown())
    return Frozen(folded, precision)


@torch.no_grad()
def with_norms_folded(network: nn.Module, size: int) -> nn.Module:
    """A copy in which each batch norm that reads a convolution's output is part of that convolution."""
    folded = copied(network).eval()
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
    hooks: list[RemovableHandle] = []
    for module in network.modules():
        if type(module) in (nn.Conv2d, LearnsInFloat32):
            hooks.append(module.register_forward_hook(watch.made))
        elif type(module) is nn.BatchNorm2d and module.track_running_stats:
            hooks += [module.register_forward_pre_hook(watch.reads), module.register_forward_hook(watch.has_read)]
    with watch:
        output = network(example(network, size))
    for hook in hooks:
        hook.remove()
    return watch.pairs([output.logits, output.embedding, *output.features])


class Watch(TorchFunctionMode):
    """What reads every convolution's output in a forward pass.

    Watching finds the pairs in any network, whatever its parts are called and in whatever order they are defined.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[tuple[Tensor, nn.Conv2d]] = []  # the tensors are kept, so that no id is used twice
        self.read: list[tuple[Tensor, nn.BatchNorm2d]] = []
        self.read_elsewhere: list[Tensor] = []  # by anything but a batch norm
        self.reader: nn.BatchNorm2d | None = None

    def made(self, convolution: nn.Module, _: tuple[Any, ...], output: Tensor) -> None:
        assert isinstance(convolution, nn.Conv2d)
        self.outputs.append((output, convolution))

    def reads(self, norm: nn.Module, arguments: tuple[Any, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        self.reader = norm
        self.read.append((arguments[0], norm))

    def has_read(self, norm: nn.Module, _: tuple[Any, ...], output: Tensor) -> None:
        self.reader = None

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.reader is None:
            self.read_elsewhere += [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        return function(*args, **(kwargs or {}))

    def pairs(self, returned: list[Tensor]) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """Each called once, the output read once and not returned to the criteria."""
        calls = Counter([module for _, module in self.outputs] + [module for _, module in self.read])
        readers = Counter(map(id, [*(tensor for tensor, _ in self.read), *self.read_elsewhere, *returned]))
        norms = {id(tensor): norm for tensor, norm in self.read}
        return [
            (convolution, norm)
            for output, convolution in self.outputs
            if readers[id(output)] == 1 and (norm := norms.get(id(output))) is not None
            if calls[convolution] == calls[norm] == 1
        ]


@torch.no_grad()
def refusal(plain: nn.Module, folded: nn.Module, size: int) -> str | None:
    """Why the folded network cannot answer for the plain one: the first output that differs on noise, if any does."""
    images = example(plain, size)
    outputs = [network.eval()(images) for network in (plain, folded)]
    first, second = (
        {"logits": output.logits, "embedding": output.embedding}
        | {f"features[{number}]": feature for number, feature in enumerate(output.features)}
        for output in outputs
    )
    if first.keys() != second.keys():
        return f"it has {len(second)} outputs then, not {len(first)}"
    for name, wanted in first.items():
        # Written so that a NaN counts as a difference.
        if not (difference := relative_difference(wanted, second[name])) < LARGEST_DIFFERENCE:
            return f"its {name} would differ by {100 * difference:.2g} %"
    return None


def relative_difference(wanted: Tensor, found: Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    return float((wanted - found).abs().max() / wanted.abs().max().clamp_min(1e-12))


def example(network: nn.Module, size: int) -> Tensor:
    weight = next(network.parameters())
    generator = torch.Generator().manual_seed(0)  # of its own, so that the run's random numbers stay the same
    return torch.randn(2, 3, size, size, generator=generator).to(weight.device, weight.dtype)
