"""A teacher made cheap gives the answers that it gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from common import Command, Small, only
from torch import Tensor, nn

import unix_exp
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.engine.folding import Frozen, frozen, only_readers, refusal, with_norms_folded
from unix_exp.types import Batch, Output


def worn(network: nn.Module) -> nn.Module:
    """As if trained: batch norms that do something."""
    torch.manual_seed(1)
    for norm in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.2)
        norm.running_var.uniform_(0.5, 2)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, 0, 0.2)
    return network


def norms_in(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


@pytest.mark.parametrize(
    ("name", "left"),
    [("resnet8x4", 0), ("resnet18", 0), ("vgg8", 0), ("mobilenetv2", 0), ("shufflev1", 0), ("shufflev2", 0),
     ("wrn_16_2", 7)],
)  # fmt: skip
def test_folding_changes_nothing_that_a_criterion_reads(name: str, left: int) -> None:
    network = worn(unix_exp.model(name, num_classes=10)).eval()
    cheap = frozen(network, "float32", 32)
    assert norms_in(cheap) == left, "a WRN normalises sums, and returns some of what it normalises as features"
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        before, after = network(images), cheap(images)
    for one, other in zip((before.logits, *before.features), (after.logits, *after.features), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4 * float(one.abs().max()))


def test_the_network_itself_stays_as_it_was() -> None:
    network = worn(unix_exp.model("resnet8", num_classes=10))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    random_state = torch.get_rng_state()
    frozen(network, "bf16", 32)
    assert network.training
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert torch.equal(random_state, torch.get_rng_state())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_any_network_of_timm_is_folded() -> None:
    network = worn(timm.create_model("resnet10t", num_classes=5)).eval()

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network

        def forward(self, images: Tensor) -> Output:
            embedding = self.body.forward_head(self.body.forward_features(images), pre_logits=True)
            return Output(self.body.fc(embedding), (embedding,), embedding)

    assert norms_in(frozen(Whole(), "float32", 32)) < norms_in(network) / 2


class Twice(nn.Module):
    """A convolution read by two, and one called twice: neither may be folded."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.again = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1)
        self.one, self.two, self.fc = nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Output:
        seen = self.read(images)
        mixed = self.one(seen) + seen
        embedding = self.two(self.again(self.again(mixed))).mean((2, 3))
        return Output(self.fc(embedding), (embedding,), embedding)


def test_what_somebody_else_reads_is_not_folded() -> None:
    assert only_readers(Twice().eval(), 8) == []


def rounded(values: Tensor) -> Tensor:
    """With 10 bits after the leading one, as TF32 has."""
    mantissa, exponent = torch.frexp(values)
    return torch.ldexp((mantissa * 2**11).round() / 2**11, exponent)


@pytest.fixture
def tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions round as a GPU's do; float64 stands for being on the GPU."""
    convolve = nn.Conv2d._conv_forward

    def forward(self: nn.Conv2d, maps: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if maps.dtype == torch.float64:
            maps, weight = rounded(maps), rounded(weight)
        return convolve(self, maps, weight, bias)

    monkeypatch.setattr(nn.Conv2d, "_conv_forward", forward)


@pytest.mark.usefixtures("tf32")
@pytest.mark.parametrize("name", ["resnet20", "resnet32x4"])
def test_a_device_that_rounds_its_convolutions_folds_too(name: str) -> None:
    torch.manual_seed(0)
    there = worn(unix_exp.model(name, num_classes=10)).double().eval()
    assert refusal(there, with_norms_folded(there, 32), 32) is not None, "the comparison itself would fail there"
    said: list[str] = []
    assert norms_in(frozen(there, "float32", 32, said.append)) == 0
    assert said == []


class ReadsItsWeight(nn.Module):
    """A network that reads a convolution's weight a second time, which folding cannot know."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm, self.fc = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Output:
        embedding = self.norm(self.stem(images)).mean((2, 3)) * self.stem.weight.mean()
        return Output(self.fc(embedding), (embedding,), embedding)


def test_where_folding_would_change_the_answers_it_is_left_and_that_is_said() -> None:
    network, said = worn(ReadsItsWeight()), []
    assert norms_in(frozen(network, "float32", 8, said.append)) == 1
    (line,) = said
    assert line.startswith("the batch norms of the frozen network are not folded into its convolutions")
    assert " would differ by " in line and line.endswith(" %")


def test_in_bf16_its_answers_are_nearly_the_same_inside_autocast_and_outside() -> None:
    network = worn(unix_exp.model("resnet8x4", num_classes=10)).eval()
    cheap, images = frozen(network, "bf16", 32), torch.randn(4, 3, 32, 32)
    with torch.no_grad():
        wanted = network(images).logits
    outside = cheap(images).logits
    with torch.autocast("cpu", torch.bfloat16):
        inside = cheap(images).logits
    assert torch.equal(outside, inside)
    assert (outside.float() - wanted).abs().max() < 0.05 * wanted.abs().max()
    assert torch.isfinite(outside).all()


def test_a_step_with_it_compiles_as_one_graph() -> None:
    student = Small()
    networks = {"student": student, "teacher": frozen(Small(), "bf16", 32)}
    objective = Weighted({"kd": unix_exp.criterion("kd")}, {"kd": 1.0})
    method = Offline(Parts(networks, unix_exp.sampler("unix", k=6), objective))
    step = torch.compile(method, fullgraph=True, backend="aot_eager")
    losses = step(Batch(torch.randn(8, 3, 32, 32), torch.eye(10)[:8], torch.arange(8)))
    sum(losses.terms.values()).backward()
    assert all(weight.grad is not None for weight in student.parameters())


def test_a_teacher_that_loses_accuracy_is_said(tiny: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = Frozen.forward

    def say_nothing(self: Frozen, images: Tensor) -> Output:
        output = forward(self, images)
        return output._replace(logits=output.logits.roll(1, dims=1))

    monkeypatch.setattr(Frozen, "forward", say_nothing)
    words = ("dataset.train_count=96", "dataset.side=32", "teacher_recipe.epochs=3", "seed=5")
    tiny(*words)
    found = json.loads((only(Path("runs")) / "result.json").read_text())["teacher"]["top1"]
    said = tiny(*words, "runtime.teacher_precision=bf16")
    assert said.code == 0
    assert f"and not {found:.2f} %; runtime.teacher_precision=float32 may keep more" in said.out


@pytest.mark.usefixtures("finished")
@pytest.mark.parametrize("whose", ["teacher", "scout"])
def test_a_precision_of_its_own_makes_another_run_only_where_it_differs(tiny: Command, whose: str) -> None:
    assert "is finished" in tiny(f"runtime.{whose}_precision=float32").out
    assert "is finished" not in tiny(f"runtime.{whose}_precision=bf16").out


@pytest.mark.usefixtures("finished")
def test_students_of_any_precision_share_a_teacher(tiny: Command) -> None:
    assert "training it first" not in tiny("runtime=fast").out
    assert "training it first" not in tiny("runtime.teacher_precision=bf16").out
    assert json.loads((only(Path("teachers")) / "result.json").read_text())["runtime"]["precision"] == "float32"


def test_a_frozen_network_stays_in_eval_mode() -> None:
    """What evaluates it puts it back into the mode that it was in, which must not be one that learns statistics."""
    cheap = frozen(worn(unix_exp.model("wrn_16_1", num_classes=10)).eval(), "float32", 32)
    before = [norm.running_mean.clone() for norm in cheap.modules() if isinstance(norm, nn.BatchNorm2d)]
    assert before, "some of its batch norms are not folded"
    for mode in (cheap.training, True):
        cheap.train(mode)
        cheap(torch.randn(4, 3, 32, 32))
    assert not any(module.training for module in cheap.modules())
    after = [norm.running_mean for norm in cheap.modules() if isinstance(norm, nn.BatchNorm2d)]
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
