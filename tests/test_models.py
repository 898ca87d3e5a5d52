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
from families import smallest_of_each_file
from fvcore.nn import FlopCountAnalysis
from torch import Tensor, nn

from unix_exp.models.copied import copied
from unix_exp.registry import check_settings, models
from unix_exp.types import Mistake

GOLDEN = json.loads((Path(__file__).parent / "golden" / "models.json").read_text())
OURS = {"ShuffleV1": "shufflev1", "ShuffleV2": "shufflev2", "MobileNetV2": "mobilenetv2"} | {
    f"ResNet{depth}": f"resnet{depth}" for depth in (18, 34, 50)
}
PRICED = ("resnet8", "resnet8x4", "ResNet18", "ResNet50", "wrn_16_2", "vgg8", "MobileNetV2", "ShuffleV1", "ShuffleV2")
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
    with torch.device("meta"):  # the weights it would draw are not the ones it is to have
        net = models[name]().eval()
    weights = {key: golden_value(key, value.shape) for key, value in net.state_dict().items()}
    net.load_state_dict(weights, assign=True)
    return net


def noise(side: int) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))


@every_golden_net
def test_checkpoints_of_the_field_fit(golden: str) -> None:
    with torch.device("meta"):
        net = models[OURS.get(golden, golden)]()
    shapes = [(key, list(value.shape)) for key, value in net.state_dict().items()]
    assert shapes == list(GOLDEN[golden]["state_dict"].items())
    assert sum(weight.numel() for weight in net.parameters()) == GOLDEN[golden]["params"]


@every_golden_net
def test_logits_and_features_are_those_of_the_field(golden: str) -> None:
    with torch.no_grad():
        output = golden_net(OURS.get(golden, golden))(golden_images())
    torch.testing.assert_close(output.logits, torch.tensor(GOLDEN[golden]["logits"]), atol=1e-5, rtol=0)
    assert output.features[-1] is output.embedding
    for feature, known in zip(output.features, GOLDEN[golden]["features"], strict=True):
        assert feature._version == 0  # nothing changed it after it was handed out
        assert list(feature.shape[1:]) == known["shape"]
        assert feature.mean().item() == pytest.approx(known["mean"], abs=1e-6)
        assert feature.std().item() == pytest.approx(known["std"], abs=1e-6)


@pytest.mark.parametrize("golden", PRICED)
def test_fvcore_prices_a_network_as_it_prices_the_field_s(golden: str) -> None:
    with torch.device("meta"):
        net = models[OURS.get(golden, golden)]().eval()
    net.to_empty(device="cpu")  # fvcore runs it, and asks for no values
    count = FlopCountAnalysis(LogitsOnly(net), golden_images()[:1]).unsupported_ops_warnings(False)
    assert count.total() == GOLDEN[golden]["fvcore_flops"]


@pytest.mark.parametrize("name", smallest_of_each_file(NAMES))
def test_larger_images_and_other_classes_fit_and_are_planned_on_the_meta_device(name: str) -> None:
    with torch.device("meta"):
        net = models[name](num_classes=10).eval()
        small, large = (net(torch.empty(1, 3, side, side)) for side in (32, 64))
    assert large.logits.is_meta
    assert large.logits.shape == (1, 10)
    assert large.embedding.shape == small.embedding.shape
    assert all(feature.dim() == 4 for feature in large.features[:-1])
    assert large.features[0].shape[2] == 2 * small.features[0].shape[2]


def test_a_copy_has_weights_and_hooks_of_its_own() -> None:
    network = models["resnet8"]()
    heard: list[str] = []
    network.fc.register_forward_hook(lambda *_: heard.append("either"))
    made = copied(network)
    made.conv1.register_forward_hook(lambda *_: heard.append("the copy"))
    network(noise(32))
    assert heard == ["either"]
    made(noise(32))
    assert heard == ["either", "the copy", "either"]
    assert_same(made.eval()(noise(32)), network.eval()(noise(32)))
    made.conv1.weight.data.zero_()
    assert network.conv1.weight.any()


@every_net
def test_the_number_of_classes_is_the_only_setting(name: str) -> None:
    check_settings(models[name], name, {"num_classes": 10})
    assert list(inspect.signature(models[name], eval_str=True).parameters) == ["num_classes"]


LONG = pytest.mark.long  # four seconds each, as PyTorch follows each of their many operations


@pytest.mark.parametrize(
    "name",
    ["resnet8", "wrn_16_1", "vgg8", pytest.param("shufflev1", marks=LONG), pytest.param("shufflev2", marks=LONG)],
)
def test_a_network_compiles_in_one_graph(name: str) -> None:
    net = models[name]().eval()
    assert_same(torch.compile(net, fullgraph=True, backend="eager")(noise(32)), net(noise(32)))


def assert_same(one: Any, other: Any) -> None:
    assert len(one.features) == len(other.features)
    for left, right in zip((one.logits, *one.features), (other.logits, *other.features), strict=True):
        torch.testing.assert_close(left, right)


@adapted_nets
def test_an_adapted_network_answers_in_training_on_a_copy_and_on_the_meta_device(
    kind: str, arch: str, side: int
) -> None:
    net = models[kind](arch=arch, num_classes=10)
    output = net(noise(side))
    (output.logits.sum() + sum(feature.square().mean() for feature in output.features)).backward()
    assert output.logits.shape == (2, 10)
    assert output.features[-1] is output.embedding
    net.eval()
    assert_same(copy.deepcopy(net)(noise(side)), net(noise(side)))
    assert net.to("meta")(noise(side).to("meta")).logits.is_meta


@every_adapter
def test_an_adapted_network_compiles_in_one_graph(kind: str) -> None:
    net = models[kind](arch="resnet18").eval()
    assert_same(torch.compile(net, fullgraph=True, backend="eager")(noise(32)), net(noise(32)))


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


def test_pooling_is_no_stage() -> None:
    features = models["torchvision"](arch="shufflenet_v2_x0_5")(noise(64)).features
    assert [feature.shape[2] for feature in features[:-1]] == [32, 8, 4, 2]  # the 16 is max pooling alone


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
    assert models["torchvision"].published_classes(arch) == 1000
    assert net(noise(64)).logits.shape == (2, 10)
    first = next(iter(net.state_dict()))
    torch.testing.assert_close(net.state_dict()[first], public[first])


@pytest.mark.parametrize(("arch", "classes"), [("resnet18", 1000), ("resnet18.a1_in1k", 1000), ("resnet10t", 1000)])
def test_what_a_publisher_s_weights_know_is_asked_without_fetching_them(
    arch: str, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timm.create_model", None)
    assert models["timm"].published_classes(arch) == classes


def test_an_architecture_without_published_weights_has_no_classes() -> None:
    timm = pytest.importorskip("timm")
    bare = sorted(set(timm.list_models()) - {name.partition(".")[0] for name in timm.list_pretrained()})[0]
    assert models["timm"].published_classes(bare) is None


@pytest.mark.parametrize("side", [32, 64])
def test_the_last_maps_of_vgg_are_as_small_for_larger_images(side: int) -> None:
    with torch.device("meta"):
        assert models["vgg8"]()(torch.empty(1, 3, side, side)).features[-2].shape == (1, 512, 4, 4)
