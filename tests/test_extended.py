"""A student that ends in a projector and its teacher's classifier: its values, and what becomes of it in a run."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from assembled import Tiny
from common import SIDE, TINY, Command, only
from mapped import GOLDEN, batch, output
from safetensors.torch import load_file
from torch import Tensor, nn

import unix_exp
from unix_exp.config import compose
from unix_exp.cost.network import gflops
from unix_exp.criteria.simkd import SimKD
from unix_exp.deploy.loaded import opened
from unix_exp.deploy.programs import folded
from unix_exp.models.extended import Extended
from unix_exp.registry import criteria, models
from unix_exp.run.extending import built_again, check_larger, extended
from unix_exp.run.plan import Located, check, locate
from unix_exp.sweeps.plan import ledger_of
from unix_exp.types import Mistake, Output

SETTINGS: dict[str, Any] = {"criterion": {"simkd": {"weight": 1.0, "factor": 2}}, "seed": 0}


class Shown(nn.Module):
    """A network whose last maps are its input."""

    def forward(self, maps: Tensor) -> Output:
        return output(maps)


def put(layer: nn.Module, name: str) -> None:
    for key, weight in layer.named_parameters():
        assert weight.shape == GOLDEN[f"{name}_{key}"].shape
        weight.data = GOLDEN[f"{name}_{key}"].clone()


def student_of(case: str, side: int) -> tuple[Extended, SimKD]:
    """With the reference's weights, and the golden teacher's classifier."""
    criterion = criteria.make("simkd", {"factor": int(GOLDEN[f"{case}_factor"])})
    projector, classifier = criterion.projector(8, 12), nn.Linear(12, 100)
    put(classifier, "teacher_fc")
    for number, (layer, norm) in enumerate(zip(projector[::3], projector[1::3], strict=True), start=1):
        put(layer, f"{case}_conv{number}")
        put(norm, f"{case}_bn{number}")
    return Extended(Shown(), projector, classifier, {"side": side, "replaced": None}), criterion


@pytest.mark.parametrize(
    ("case", "student", "teacher"),
    [("simkd", "student_map", "teacher_map"), ("simkd_pool", "student_map_large", "teacher_map_small")],
)
def test_loss_logits_and_gradients_are_the_reference_s(case: str, student: str, teacher: str) -> None:
    maps = GOLDEN[student].clone().requires_grad_()
    network, criterion = student_of(case, GOLDEN[teacher].shape[-1])
    said = network(maps)
    loss = criterion(said, output(GOLDEN[teacher]), batch(len(maps)))
    assert loss.shape == (len(maps),)
    loss.mean().backward()
    assert float(loss.detach().mean()) == pytest.approx(float(GOLDEN[f"{case}_loss"]), rel=1e-5)
    torch.testing.assert_close(said.logits, GOLDEN[f"{case}_logits"].float(), rtol=1e-5, atol=1e-5)
    for found, kept in ((maps.grad, "grad_s"), (network.projector.get_parameter("3.weight").grad, "grad_w2")):
        expected = GOLDEN[f"{case}_{kept}"]
        assert found is not None
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert network.classifier.weight.grad is None


def test_the_gradient_is_that_of_the_value() -> None:
    criterion, teacher = SimKD(), output(torch.randn(2, 4, 2, 2, dtype=torch.float64))
    network = Extended(Shown(), criterion.projector(3, 4), nn.Linear(4, 5), {"side": 2, "replaced": None}).double()
    maps = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given: criterion(network(given), teacher, batch(2)), [maps], atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maps_hundreds_apart_have_a_finite_loss_and_gradient(dtype: torch.dtype) -> None:
    for scale in (0.0, 1e-20, 500.0):
        ours = (scale * torch.randn(3, 4, 4, 4)).to(dtype).requires_grad_()
        loss = SimKD()(output(ours), output(-800 * torch.rand(3, 4, 2, 2).to(dtype)), batch(3))
        loss.sum().backward()
        assert loss.dtype == torch.float32 and loss.isfinite().all() and ours.grad is not None
        assert ours.grad.isfinite().all()


@pytest.mark.parametrize("make", [lambda: models.make("resnet8", {}, num_classes=10), lambda: Tiny(4)])
def test_a_student_takes_its_teacher_s_classifier_and_loses_its_own(make: Any) -> None:
    torch.manual_seed(1)
    networks = {"student": make(), "teacher": Tiny(6)}
    before = {role: copy.deepcopy(network.state_dict()) for role, network in networks.items()}
    removed = networks["student"].fc.weight.numel()
    student = extended(SETTINGS, networks, 8)["student"].eval()
    assert isinstance(student, Extended) and student.made["replaced"] == "fc"
    torch.testing.assert_close(student.classifier.weight, networks["teacher"].fc.weight, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(student.classifier.bias, networks["teacher"].fc.bias)
    assert not any(key.startswith("backbone.fc") for key in student.state_dict())
    assert student.spared == removed
    assert extended(SETTINGS, {"student": student, "teacher": networks["teacher"]}, 8)["student"] is student
    check_larger(SETTINGS, networks, (), 8)
    for role, network in networks.items():
        assert all(torch.equal(one, before[role][key]) for key, one in network.state_dict().items())
    again = built_again(make(), json.loads(json.dumps(student.made)), 10).eval()
    again.load_state_dict(student.state_dict())
    images = torch.rand(2, 3, 8, 8)
    assert torch.equal(again(images).logits, student(images).logits)
    assert [weight.requires_grad for weight in student.classifier.parameters()] == [False, False]


class Reads(Tiny):
    """Its classifier reads something else than the mean of the last stage."""

    def __init__(self, relu: bool = True) -> None:
        super().__init__(6)
        self.relu = relu

    def classify(self, embedding: Tensor) -> Tensor:
        logits: Tensor = self.fc(embedding.relu()) if self.relu else self.fc(embedding - 1)
        return logits

    def forward(self, images: Tensor) -> Output:
        said = super().forward(images)
        embedding = said.embedding - 1
        return Output(self.classify(embedding), (*said.features[:-1], embedding), embedding)


@pytest.mark.parametrize("teacher", [Reads(), Reads(relu=False)])
def test_a_teacher_whose_classifier_reads_something_else_is_refused(teacher: nn.Module) -> None:
    with pytest.raises(Mistake, match="whose classifier is one layer that reads the last stage.*choose another"):
        check_larger(SETTINGS, {"student": Tiny(4), "teacher": teacher}, (), 8)


def test_what_cannot_be_is_refused_in_one_line() -> None:
    networks = {"student": Tiny(4), "teacher": Tiny(6)}
    with pytest.raises(Mistake, match="no network can be its average; choose another"):
        check_larger(SETTINGS, networks, ["teacher"], 8)
    with pytest.raises(Mistake, match="this method has no teacher; choose another"):
        extended(SETTINGS, {"student": Tiny(4)}, 8)
    with pytest.raises(Mistake, match="factor is 50, above the width of the teacher's maps, 12"):
        extended({**SETTINGS, "criterion": {"simkd": {"factor": 50}}}, networks, 8)
    with pytest.raises(Mistake, match="is damaged"):
        built_again(Tiny(4), {"by": "simkd"}, 10)
    with pytest.raises(Mistake, match="8 wide and the teacher's 12; give it a student that has its projector"):
        SimKD()(networks["student"](torch.rand(2, 3, 8, 8)), networks["teacher"](torch.rand(2, 3, 8, 8)), batch(2))


def test_no_network_is_taught_by_what_makes_it_larger() -> None:
    with compose.hydra_ready():
        whole = compose.composed((*TINY, "criterion=simkd", "+model@teacher.teacher=resnet14"))
    with pytest.raises(Mistake, match="'simkd' makes what it trains larger, so the teacher that .* is no resnet8; ch"):
        locate(whole)


@pytest.mark.parametrize("tried", [check, ledger_of])
@pytest.mark.parametrize(
    ("teacher", "why"),
    [
        (("teacher=wrn_16_1",), "needs a teacher whose classifier is one layer"),
        (
            ("teacher=timm", "teacher.arch=vit_tiny_patch16_224", "teacher.pretrained=false"),
            f"cannot work on {SIDE} px",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_a_run_begins_and_where_it_is_planned(
    teacher: tuple[str, ...], why: str, tried: Callable[[Located], Any]
) -> None:
    with compose.hydra_ready():
        whole = compose.composed((*TINY, "student=resnet8", "criterion=simkd", *teacher))
    with pytest.raises(Mistake, match=why):
        tried(locate(whole))


def test_a_run_s_student_is_whole_wherever_it_is_used(tiny: Command) -> None:
    assert tiny("student=resnet8", "sampler=everything", "criterion=simkd", "runtime.device=cpu").code == 0
    run, teacher = only(Path("runs")), load_file(only(Path("teachers"), "*-s*") / "student.safetensors")
    network = unix_exp.load(run)
    weights = load_file(run / "student.safetensors")
    assert isinstance(network, Extended) and set(network.state_dict()) == set(weights)
    torch.testing.assert_close(weights["classifier.weight"], teacher["fc.weight"], rtol=1e-5, atol=1e-7)
    result = json.loads((run / "result.json").read_text())
    assert result["cost"]["gflops_per_image"]["student"] == pytest.approx(gflops(network, SIDE))
    plain = gflops(models.make("resnet8", {}, num_classes=10), SIDE)
    assert gflops(network, SIDE) > 1.01 * plain
    assert result["cost"]["percent_of_kd"] > 100.5, "against distillation of the student without the projector"

    images = torch.rand(3, 3, SIDE, SIDE)
    logits = network(images).logits.detach()
    for path in (run, run / "student.safetensors"):
        torch.testing.assert_close(opened(path).logits(images), logits)
    small = folded(unix_exp.load(run, logits=True), SIDE, say=lambda line: pytest.fail(line))
    torch.testing.assert_close(small(images), logits, rtol=1e-3, atol=1e-4)
    assert not any(isinstance(one, nn.BatchNorm2d) for one in small.modules())
