"""What one image costs in a network: as fvcore says where it counts everything, and with attention where it doesn't."""

from __future__ import annotations

import copy
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from common import Command
from torch import Tensor, nn

from unix_exp.cost import rules
from unix_exp.cost.__main__ import main
from unix_exp.cost.named import built, price_of
from unix_exp.cost.network import gflops, macs_of
from unix_exp.cost.reference import macs_by_fvcore
from unix_exp.registry import models
from unix_exp.types import Output

GOLDEN = json.loads((Path(__file__).parent / "golden/models.json").read_text())
FILES = {"ShuffleV1": "shufflev1", "ShuffleV2": "shufflev2", "MobileNetV2": "mobilenetv2"} | {
    f"ResNet{depth}": f"resnet{depth}" for depth in (18, 34, 50)
}


@pytest.fixture
def cost(typed: Any) -> Command:
    """Type `python -m unix_exp.cost WORDS`."""
    typing: Command = typed(main)
    return typing


@pytest.mark.parametrize("name", GOLDEN)
def test_an_image_costs_what_fvcore_says(name: str) -> None:
    network = built(FILES.get(name, name), {}, classes=100)
    counted = macs_of(network, 32)
    assert counted.total() == GOLDEN[name]["fvcore_flops"]
    assert gflops(network, 32) == counted.total() / 1e9
    assert not counted.unpriced


@pytest.mark.parametrize(
    ("kind", "arch", "size"),
    [
        ("torchvision", "resnet18", 64),
        ("torchvision", "mobilenet_v3_small", 224),
        ("torchvision", "googlenet", 224),
        ("torchvision", "squeezenet1_1", 224),
        ("torchvision", "convnext_tiny", 64),
        ("timm", "resnet18", 224),
        ("timm", "efficientnet_b0", 224),
        ("timm", "mixer_s32_224", 224),
    ],
)
def test_other_libraries_networks_cost_what_fvcore_says(kind: str, arch: str, size: int) -> None:
    network = built(kind, {"arch": arch}, classes=10)
    fvcore = macs_by_fvcore(network, size)
    assert fvcore is not None
    assert macs_of(network, size).by_kind() == dict(sorted(fvcore.items(), key=lambda one: -one[1]))


@pytest.mark.parametrize(
    ("name", "gmacs", "fvcore"),
    [
        ("timm/vit_tiny_patch16_224", 1.26, 1.08),
        ("torchvision/vit_b_16", 17.58, 16.87),
    ],
)
def test_attention_counts(name: str, gmacs: float, fvcore: float) -> None:
    price = price_of(name, size=None, classes=None)
    assert price.fvcore is not None
    assert price.counted.total() / 1e9 == pytest.approx(gmacs, abs=0.005)
    assert sum(price.fvcore.values()) / 1e9 == pytest.approx(fvcore, abs=0.005)
    assert price.counted.total() - price.counted.total(kind=rules.ATTENTION) == sum(price.fvcore.values())


class Restless(nn.Module):
    """Moves statistics, draws random numbers and, where asked, reads a value, which no meta device has."""

    def __init__(self, reads: bool) -> None:
        super().__init__()
        self.norm, self.fc, self.reads = nn.BatchNorm2d(3), nn.Linear(3, 10), reads

    def forward(self, images: Tensor) -> Output:
        maps = self.norm(images + torch.rand_like(images) + torch.randn(1))
        if self.reads and maps.sum().item() < -1e9:
            maps = maps * 2
        embedding = maps.mean((2, 3))
        return Output(self.fc(embedding), (maps, embedding), embedding)


@pytest.mark.parametrize("reads", [False, True])
def test_counting_leaves_no_trace(reads: bool) -> None:
    network = Restless(reads).train()
    network.norm.eval()
    before, state, plain = copy.deepcopy(network.state_dict()), torch.get_rng_state(), random.getstate()
    assert macs_of(network, 8).total() == 2 * 3 * 64 + 30
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert plain == random.getstate()
    assert network.training
    assert not network.norm.training
    assert not network._forward_pre_hooks


def test_counting_is_faster_than_tracing() -> None:
    network = models.make("resnet56", {}, num_classes=100)
    macs_of(network, 32), macs_by_fvcore(network, 32)
    took = []
    for count in (macs_of, macs_by_fvcore):
        start = time.process_time()
        count(network, 32)
        took.append(time.process_time() - start)
    assert took[0] < took[1]


def test_the_command_prints_a_networks_cost_by_kind(cost: Command) -> None:
    said = cost("--of", "timm/vit_tiny_patch16_224", "--size", "224")
    assert said.code == 0
    assert said.lines[0] == "timm/vit_tiny_patch16_224: 224x224 pixels, 1000 classes, 5,717,416 parameters"
    assert [line.split() for line in said.lines[2:7]] == [
        ["matrix", "product", "1.0459", "83.1", "%", "1.0459"],
        ["attention", "0.1788", "14.2", "%", "-"],
        ["convolution", "0.0289", "2.3", "%", "0.0289"],
        ["layer", "norm", "0.0047", "0.4", "%", "0.0047"],
        ["total", "1.2584", "100.0", "%", "1.0796"],
    ]
    assert said.lines[7] == "  fvcore is 0.1788 below: it leaves out the matrix products of attention"


def test_several_networks_as_json(cost: Command) -> None:
    said = cost("--of", "resnet32x4", "torchvision/resnet18", "--of", "timm/vit_tiny_patch16_384", "--json")
    ours, theirs, attends = json.loads(said.out)
    assert (ours["size"], ours["classes"], theirs["size"], theirs["classes"]) == (32, 100, 224, 1000)
    assert attends["size"] == 384  # its own
    assert ours["gmacs"] == ours["fvcore_gmacs"] == GOLDEN["resnet32x4"]["fvcore_flops"] / 1e9
    assert sum(attends["gmacs_by_kind"].values()) == pytest.approx(attends["gmacs"])
    assert theirs["parameters"] == 11_689_512


def test_what_has_no_price_is_printed(cost: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    class Spectral(Restless):
        def forward(self, images: Tensor) -> Output:
            return super().forward(torch.fft.ifft2(torch.fft.fft2(images)).real)

    monkeypatch.setitem(models.constructors, "spectral", lambda num_classes: Spectral(reads=False))
    said = cost("--of", "spectral")
    assert said.lines[-1].startswith("  not priced, so left out of the total: aten::_fft_c2c (")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["--of", "resnet32x5"],
            "no model 'resnet32x5' is registered; did you mean 'resnet32x4'? (plugins=FILE.py loads code of your own)",
        ),
        (["--of", "timm/resnet118"], "timm has no arch 'resnet118'; did you mean 'resnet18'?"),
        (["--of", "torchvision/resnet51"], "torchvision has no arch 'resnet51'; did you mean 'resnet50'?"),
        (["--of", "torchvision"], "'torchvision' has many networks; write torchvision/NAME"),
        (["--of", "resnet8/small"], "'resnet8' is a single network; write resnet8 instead of resnet8/small"),
        (["--of", "resnet8", "--size", "0"], "--size is 0; give 1 or more"),
        (["--size", "32"], "--size is about a network; say which with --of NAME"),
        (["--json"], "--json is about networks; say which with --of NAME"),
        (
            ["--of", "timm/vit_tiny_patch16_224", "--size", "32"],
            "timm/vit_tiny_patch16_224 can't take images of 32x32: Input height (32) doesn't match model (224); "
            "its own size is 224",
        ),
    ],
)
def test_a_mistake_is_one_line(cost: Command, words: list[str], complaint: str) -> None:
    said = cost(*words)
    assert (said.code, said.err) == (2, f"error: {complaint}\n")


def test_without_a_network_the_papers_columns_are_printed(cost: Command) -> None:
    said = cost()
    cells = [line.split() for line in said.lines if line.startswith(("vgg", "wrn", "resnet"))]
    assert len(cells) == 48
    assert all(abs(float(cell[-2])) <= 0.17 for cell in cells)
    assert said.lines[-1] == "largest difference from the paper: 0.17 points"
