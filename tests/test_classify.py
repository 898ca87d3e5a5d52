"""A network can say what its classifier makes of any embedding, whatever the classifier is called."""

from __future__ import annotations

import copy

import pytest
import torch
from families import smallest_of_each_file
from torch import Tensor, nn

from unix_exp.engine.folding import frozen
from unix_exp.models.parts import classify
from unix_exp.registry import models
from unix_exp.types import Mistake, Output

OF_LIBRARIES: list[tuple[str, str | None, int]] = [
    ("timm", "resnet18", 32),
    ("timm", "mobilenetv3_small_050", 32),  # its head widens the embedding after pooling
    ("timm", "vit_tiny_patch16_224", 224),
    ("torchvision", "resnet18", 32),
    ("torchvision", "mobilenet_v3_small", 32),  # its classifier is the last of several layers
]
OWN: list[tuple[str, str | None, int]] = [
    (name, None, 32)
    for name in smallest_of_each_file(models.names())
    if name not in dict.fromkeys(kind for kind, *_ in OF_LIBRARIES)
]


def network(name: str, arch: str | None) -> nn.Module:
    torch.manual_seed(0)
    made: nn.Module = models[name](num_classes=10, **({"arch": arch} if arch else {}))
    return made


@pytest.mark.parametrize(("name", "arch", "side"), OWN + OF_LIBRARIES)
def test_a_network_classifies_its_own_embedding_as_it_classified_the_image(
    name: str, arch: str | None, side: int
) -> None:
    net = copy.deepcopy(network(name, arch)).eval()  # a copy that still called the original would not learn
    for weight in net.parameters():
        weight.data.mul_(0.5)
    output: Output = net(torch.randn(2, 3, side, side))
    assert torch.equal(classify(net, output.embedding, "teacher"), output.logits)
    again: Output = net(torch.randn(2, 3, side, side))
    assert again.embedding.shape == output.embedding.shape, "nothing of the question is left behind"


@pytest.mark.parametrize("precision", ["float32", "bf16"])
@pytest.mark.parametrize(("name", "arch"), [("resnet8", None), ("mobilenetv2", None), ("timm", "resnet18")])
def test_a_folded_network_classifies_in_its_own_precision_and_passes_gradient_on(
    name: str, arch: str | None, precision: str
) -> None:
    cheap = frozen(network(name, arch), precision, 32)
    output: Output = cheap(torch.randn(2, 3, 32, 32))
    embedding = output.embedding.float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):  # as in a step; the teacher keeps its own
        logits = classify(cheap, embedding, "teacher")
    assert torch.equal(logits, output.logits)
    assert logits.dtype == (torch.bfloat16 if precision == "bf16" else torch.float32)
    logits.float().square().sum().backward()
    assert embedding.grad is not None and bool(embedding.grad.any())
    assert all(weight.grad is None for weight in cheap.parameters())


class Plain(nn.Module):
    """A network of somebody's own, which only answers images."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)

    def forward(self, images: Tensor) -> Output:
        maps = self.layer(images)
        embedding = maps.mean((2, 3))
        return Output(embedding, (maps, maps, embedding), embedding)


def squeezenet() -> nn.Module:
    return network("torchvision", "squeezenet1_1")  # its logits are means over a classified map


@pytest.mark.parametrize("made", [Plain, squeezenet])
def test_a_network_that_cannot_is_refused_in_one_line_when_it_is_asked(made: type[nn.Module]) -> None:
    net = made()
    with pytest.raises(Mistake, match=r"the teacher, a \w+, cannot classify an embedding.*classify\(embedding\)"):
        classify(net, torch.randn(2, 4), "teacher")
