"""The networks of the field give the numbers of the field, and any of timm or torchvision joins them."""

from __future__ import annotations

import copy
import inspect
import json
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn

from unix_exp.registry import check_settings, models
from unix_exp.types import Mistake

GOLDEN = json.loads((Path(__file__).parent / "golden" / "models.json").read_text())
OURS = {"ShuffleV1": "shufflev1", "ShuffleV2": "shufflev2", "MobileNetV2": "mobilenetv2"} | {
    f"ResNet{depth}": f"resnet{depth}" for depth in (18, 34, 50)
}
NAMES = [OURS.get(name, name) for name in GOLDEN]

every_net = pytest.mark.parametrize("name", NAMES)
every_golden_net = pytest.mark.parametrize("golden", GOLDEN)
every_adapter = pytest.mark.parametrize("kind", ["timm", "torchvision"])
adapted_nets = pytest.mark.parametrize(
    ("kind", "arch", "side"),
    [
        ("timm", "resnet18", 32),
        ("timm", "vit_tiny_patch16_224", 224),
        ("torchvision", "resnet18", 64),
        ("torchvision", "shufflenet_v2_x0_5", 32),
    ],
)


class LogitsOnly(nn.Module):
    """fvcore traces a network, and a trace returns tensors."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        return self.net(images).logits


def golden_images() -> Tensor:
    return torch.from_numpy(np.random.RandomState(0).standard_normal((2, 3, 32, 32)).astype(np.float32))


def golden_value(key: str, shape: torch.Size) -> Tensor:
    """A fixed value for each weight, drawn from its name."""
    n = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(tuple(shape)).astype(np.float32)
    if key.endswith("num_batches_tracked"):
        value = 0 * n
    elif key.endswith("running_var"):
        value = 0.5 + 0.5 * abs(n)
    elif key.endswith(("running_mean", "bias")):
        value = 0.1 * n
    elif n.ndim == 1:
        value = 0.5 + 0.05 * n
    else:
        value = n * prod(shape[1:]) ** -0.5
    return torch.as_tensor(value)


def golden_net(name: str) -> nn.Module:
    net = models[OURS.get(name, name)]().eval()
    net.load_state_dict({key: golden_value(key, value.shape) for key, value in net.state_dict().items()})
    return net


def noise(side: int, images: int = 2) -> Tensor:
    return torch.randn(images, 3, side, side, generator=torch.Generator().manual_seed(0))


@every_golden_net
def test_checkpoints_of_the_field_fit(golden: str) -> None:
    net = models[OURS.get(golden, golden)]()
    shapes = [(key, list(value.shape)) for key, value in net.state_dict().items()]
    assert shapes == list(GOLDEN[golden]["state_dict"].items())
    assert sum(weight.numel() for weight in net.parameters()) == GOLDEN[golden]["params"]


@every_golden_net
def test_logits_and_features_are_those_of_the_field(golden: str) -> None:
    with torch.no_grad():
        output = golden_net(golden)(golden_images())
    torch.testing.assert_close(output.logits, torch.tensor(GOLDEN[golden]["logits"]), atol=1e-5, rtol=0)
    assert output.features[-1] is output.embedding
    for feature, known in zip(output.features, GOLDEN[golden]["features"], strict=True):
        assert list(feature.shape[1:]) == known["shape"]
        assert feature.mean().item() == pytest.approx(known["mean"], abs=1e-6)
        assert feature.std().item() == pytest.approx(known["std"], abs=1e-6)


@every_golden_net
def test_fvcore_prices_a_network_as_it_prices_the_field_s(golden: str) -> None:
    count = FlopCountAnalysis(LogitsOnly(golden_net(golden)), golden_images()[:1])
    assert count.unsupported_ops_warnings(False).total() == GOLDEN[golden]["fvcore_flops"]


@every_net
def test_larger_images_and_other_classes_fit(name: str) -> None:
    with torch.no_grad():
        small, large = (models[name](num_classes=10).eval()(noise(side, images=1)) for side in (32, 64))
    assert large.logits.shape == (1, 10)
    assert large.embedding.shape == small.embedding.shape
    assert [len(feature.shape) for feature in large.features] == [4] * (len(large.features) - 1) + [2]
    assert large.features[0].shape[2] == 2 * small.features[0].shape[2]


@every_net
def test_a_network_can_be_planned_on_the_meta_device(name: str) -> None:
    with torch.device("meta"):
        output = models[name]()(torch.empty(2, 3, 32, 32))
    assert output.logits.shape == (2, 100)
    assert output.logits.is_meta


@every_net
def test_training_changes_no_feature_after_it_was_handed_out(name: str) -> None:
    net = models[name]()
    handed_out: list[tuple[Tensor, int]] = []
    for module in net.modules():
        module.register_forward_hook(
            lambda module, inputs, output: handed_out.append((output, getattr(output, "_version", 0)))
        )
    features = net(noise(32)).features
    assert all(feature._version == 0 for feature in features)
    assert all(output._version == version for output, version in handed_out if isinstance(output, Tensor))


@every_net
def test_the_number_of_classes_is_the_only_setting(name: str) -> None:
    check_settings(models[name], name, {"num_classes": 10})
    assert list(inspect.signature(models[name], eval_str=True).parameters) == ["num_classes"]


@pytest.mark.parametrize("name", ["resnet8", "resnet18", "wrn_16_1", "vgg8", "mobilenetv2", "shufflev1", "shufflev2"])
def test_a_network_compiles_in_one_graph(name: str) -> None:
    net = models[name]().eval()
    assert_same(torch.compile(net, fullgraph=True, backend="eager")(noise(32)), net(noise(32)))


def assert_same(one: Any, other: Any) -> None:
    assert len(one.features) == len(other.features)
    for left, right in zip((one.logits, *one.features), (other.logits, *other.features), strict=True):
        torch.testing.assert_close(left, right)


@adapted_nets
def test_an_adapted_network_answers_in_training_on_a_copy_and_compiled(kind: str, arch: str, side: int) -> None:
    net = models[kind](arch=arch, num_classes=10)
    output = net(noise(side))
    (output.logits.sum() + sum(feature.square().mean() for feature in output.features)).backward()
    assert output.logits.shape == (2, 10)
    assert output.features[-1] is output.embedding
    net.eval()
    assert_same(copy.deepcopy(net)(noise(side)), net(noise(side)))
    assert_same(torch.compile(net, fullgraph=True, backend="eager")(noise(side)), net(noise(side)))
    assert net.to("meta")(noise(side).to("meta")).logits.is_meta


@adapted_nets
def test_an_adapted_network_keeps_its_keys_and_its_logits(kind: str, arch: str, side: int) -> None:
    plain = make_plain(kind, arch).eval()
    net = models[kind](arch=arch, num_classes=10).eval()
    net.load_state_dict(plain.state_dict())
    with torch.no_grad():
        output = net(noise(side))
        torch.testing.assert_close(output.logits, plain(noise(side)))
        classifier = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
        torch.testing.assert_close(classifier(output.embedding), output.logits)


def make_plain(kind: str, arch: str) -> nn.Module:
    if kind == "timm":
        return pytest.importorskip("timm").create_model(arch, num_classes=10)
    return pytest.importorskip("torchvision").models.get_model(arch, num_classes=10)


@every_adapter
def test_the_stages_are_tapped_by_default(kind: str) -> None:
    features = models[kind](arch="resnet18")(noise(64)).features
    assert [tuple(feature.shape[1:]) for feature in features] == [
        (64, 32, 32),
        (64, 16, 16),
        (128, 8, 8),
        (256, 4, 4),
        (512, 2, 2),
        (512,),
    ]


def test_a_transformer_s_tokens_are_tapped_only_by_name() -> None:
    vit = {"arch": "vit_tiny_patch16_224"}
    assert len(models["timm"](**vit)(noise(224)).features) == 1
    tokens, _ = models["timm"](**vit, taps=["blocks.11"])(noise(224)).features
    assert tokens.shape == (2, 197, 192)


@every_adapter
def test_a_tapped_map_stays_as_it_was_heard(kind: str) -> None:
    net = models[kind](arch="resnet18", taps=["bn1"]).eval()
    normed, _ = net(noise(64)).features
    torch.testing.assert_close(normed, net.bn1(net.conv1(noise(64))))
    assert normed.min() < 0  # the relu after it did not reach back


@every_adapter
def test_a_misspelt_arch_or_tap_names_the_nearest(kind: str) -> None:
    with pytest.raises(Mistake, match="did you mean 'resnet18'"):
        models[kind](arch="resnet1q8")
    with pytest.raises(Mistake, match="'layer44' to tap; did you mean 'layer4'"):
        models[kind](arch="resnet18", taps=["layer1", "layer44"])


def test_a_network_without_a_single_embedding_is_refused() -> None:
    with pytest.raises(Mistake, match="crossvit_9_240 has 2 classifiers"):
        models["timm"](arch="crossvit_9_240")


@every_adapter
def test_weights_out_of_reach_are_a_mistake_in_one_line(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError("no network\nat all")

    monkeypatch.setattr("timm.create_model", fail)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(Mistake, match=rf"the pretrained weights of {kind} resnet18 could not be loaded: no network$"):
        models[kind](arch="resnet18", pretrained=True)


@pytest.mark.parametrize("arch", ["resnet18", "squeezenet1_1", "googlenet"])
def test_pretrained_weights_get_a_classifier_for_our_classes(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision = pytest.importorskip("torchvision")
    public = torchvision.models.get_model(arch, **({"init_weights": False} if arch == "googlenet" else {})).state_dict()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", lambda *args, **kwargs: public)
    net = models["torchvision"](arch=arch, pretrained=True, num_classes=10)
    assert net.pretrained_classes == 1000
    assert net(noise(64)).logits.shape == (2, 10)
    first = next(iter(net.state_dict()))
    torch.testing.assert_close(net.state_dict()[first], public[first])


def test_an_untrained_network_knows_no_classes() -> None:
    assert models["torchvision"](arch="resnet18").pretrained_classes is None
    assert models["timm"](arch="resnet18").pretrained_classes is None
