"""Networks stay in the memory format that they are given: where a layer leaves it, the next one copies its input."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import unix_exp
from unix_exp.engine.runtime import Runtime
from unix_exp.models.parts import interleaved, shuffled

Format = Literal["channels_last", "contiguous"]
FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}

every_format = pytest.mark.parametrize("memory_format", FORMATS)


class Layouts(TorchDispatchMode):
    """What convolutions are given, forwards and backwards, and what is concatenated: whether it has the format."""

    def __init__(self, memory_format: Format) -> None:
        super().__init__()
        self.format = FORMATS[memory_format]
        self.forward: list[bool] = []
        self.backward: list[bool] = []
        self.concatenated: list[set[bool]] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is torch.ops.aten.convolution.default:
            self.forward.append(self.fits(args[0]))
        elif function is torch.ops.aten.convolution_backward.default:
            self.backward += [self.fits(args[0]), self.fits(args[1])]
        elif function in (torch.ops.aten.cat.default, torch.ops.aten.stack.default):
            self.concatenated.append({self.fits(one) for one in args[0] if one.dim() == 4})
        return function(*args, **(kwargs or {}))

    def fits(self, maps: Tensor) -> bool:
        return maps.is_contiguous(memory_format=self.format)


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize("name", ["shufflev1", "shufflev2", "mobilenetv2", "resnet8", "vgg8"])
@every_format
@pytest.mark.parametrize(
    ("precision", "training"),
    [("float32", True), ("bf16", True), ("float32", False)],
    ids=["training", "training in bf16", "evaluating"],
)
def test_no_convolution_copies_its_input(
    name: str, memory_format: Format, precision: Literal["float32", "bf16"], training: bool
) -> None:
    runtime = Runtime(device="cpu", memory_format=memory_format, precision=precision)
    network = runtime.settled(unix_exp.model(name, num_classes=10)).train(training)
    images = runtime.batch_layout(torch.randn(2, 3, 32, 32))
    with Layouts(memory_format) as seen, runtime.autocast(), torch.set_grad_enabled(training):
        logits = network(images).logits
        if training:
            logits.sum().backward()
    count = len(convolutions(network))
    assert seen.forward == [True] * count
    assert seen.backward == [True] * (2 * count if training else 0)
    assert all(len(layouts) < 2 for layouts in seen.concatenated), "a concatenation of two layouts is slow"


@pytest.mark.parametrize("name", ["shufflev1", "shufflev2"])
def test_on_a_gpu_it_copies_none_either(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU has no shuffle of its own: PyTorch's is made of other operations there, and forgets channels_last."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with FakeTensorMode(), torch.no_grad():  # tensors without values
        with torch.device("cuda"):
            network, images = unix_exp.model(name, num_classes=10), torch.empty(2, 3, 32, 32)
        for layer in convolutions(network):
            layer.weight = nn.Parameter(layer.weight.contiguous(memory_format=torch.channels_last))
        with Layouts("channels_last") as seen:
            network(images.contiguous(memory_format=torch.channels_last))
    assert seen.forward == [True] * len(convolutions(network))


@every_format
@pytest.mark.parametrize("side", [1, 4])
@pytest.mark.parametrize("groups", [2, 3])
def test_our_shuffle_is_pytorch_s(memory_format: Format, side: int, groups: int) -> None:
    def given() -> Tensor:
        maps = torch.arange(2 * 12 * side**2, dtype=torch.float32).view(2, 12, side, side)
        return maps.contiguous(memory_format=FORMATS[memory_format]).requires_grad_()

    wanted_from, *sources = given(), given(), given()
    wanted = F.channel_shuffle(wanted_from, groups)
    upstream = torch.randn_like(wanted)
    (gradient,) = torch.autograd.grad(wanted, wanted_from, upstream)
    for source, found in zip(
        sources, (shuffled(sources[0], groups), interleaved(*sources[1].chunk(groups, 1))), strict=True
    ):
        assert torch.equal(found, wanted)
        assert found.is_contiguous(memory_format=FORMATS[memory_format])
        assert torch.equal(torch.autograd.grad(found, source, upstream)[0], gradient)
