"""Criteria on feature maps have the values and gradients of public references."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest
import torch
from mapped import GOLDEN, batch, made, output
from torch import Tensor, nn

from unix_exp.criteria.reviewkd import Fusing, at_every_size


def put(case: str, weights: dict[str, Tensor]) -> None:
    """The reference's weights in the layers that it has."""
    for name, weight in weights.items():
        assert weight.shape == GOLDEN[f"{case}_{name}"].shape
        weight.data = GOLDEN[f"{case}_{name}"].clone()


def of_convolutions(layers: Any, *names: str) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for layer, name in zip(layers, names, strict=True):
        found |= {f"{name}_{key}": one for key, one in layer.named_parameters()}
    return found


def of_regressors(layers: Any) -> dict[str, Tensor]:
    return {f"w{number}": one for number, one in enumerate(layers.parameters(), start=1)}


class Reference(NamedTuple):
    """A case of the golden values: which maps are compared, and where the reference's weights belong."""

    name: str
    student: tuple[str, ...]
    teacher: tuple[str, ...]
    settings: Mapping[str, Any] = {}
    weights: Callable[[Any], dict[str, Tensor]] = lambda criterion: {}
    gradients: tuple[str, ...] = ("grad_s",)  # of the student's maps
    of_weights: tuple[str, ...] = ()  # whose gradients are known


def of_fitnet(criterion: Any) -> dict[str, Tensor]:
    return of_convolutions(criterion.regressor[:2], "conv", "bn")


def of_vid(criterion: Any) -> dict[str, Tensor]:
    return {**of_regressors(criterion.regressors[0]), "log_scale": criterion.log_scales[0]}


def of_srrl(criterion: Any) -> dict[str, Tensor]:
    return of_convolutions(criterion.connector[:2], "conv", "bn")


HINT: dict[str, Any] = {"stage": 1}
VID = ("w1", "log_scale")
REFERENCES = {
    "hint": Reference("fitnet", ("student_map_same",), ("teacher_map",), HINT | {"regressor": False}),
    "hint_conv": Reference("fitnet", ("student_map",), ("teacher_map",), HINT, of_fitnet, of_weights=("conv_weight",)),
    "hint_down": Reference(
        "fitnet", ("student_map_large",), ("teacher_map_small",), HINT, of_fitnet, of_weights=("conv_weight",)
    ),
    "hint_up": Reference(
        "fitnet", ("student_map_small",), ("teacher_map_large",), HINT, of_fitnet, of_weights=("conv_weight",)
    ),
    "vid": Reference("vid", ("student_map",), ("teacher_map",), {}, of_vid, of_weights=VID),
    "vid_pool": Reference("vid", ("student_map_large",), ("teacher_map_small",), {}, of_vid, of_weights=VID),
    "nst": Reference("nst", ("student_map",), ("teacher_map",)),
    "nst_pool": Reference("nst", ("student_map_large",), ("teacher_map_small",)),
    "srrl": Reference("srrl", ("student_map",), ("teacher_map",), {}, of_srrl, of_weights=("conv_weight",)),
    "fsp": Reference(
        "fsp", ("student_map_large", "fsp_student_second"), ("fsp_teacher_first", "teacher_map_small"),
        gradients=("grad_s1", "grad_s2"),
    ),
}  # fmt: skip


def classified(embedding: Tensor) -> Tensor:
    """What the golden teacher says of an embedding."""
    return nn.functional.linear(embedding, GOLDEN["teacher_fc_weight"], GOLDEN["teacher_fc_bias"])


def close_to(found: Tensor | None, expected: Tensor) -> None:
    assert found is not None
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("case", REFERENCES)
def test_a_loss_and_its_gradients_are_the_reference_s(case: str) -> None:
    reference = REFERENCES[case]
    ours = [GOLDEN[key].clone().requires_grad_() for key in reference.student]
    stems = {"stem": ours[0], "stem_of_teacher": GOLDEN[reference.teacher[0]]} if reference.name == "fsp" else {}
    student = output(*ours[len(stems) // 2 :], stem=stems.get("stem"))
    teacher = output(*(GOLDEN[key] for key in reference.teacher[len(stems) // 2 :]), stem=stems.get("stem_of_teacher"))
    criterion = made(reference.name, student, teacher, **reference.settings)
    if reference.name == "srrl":
        teacher = teacher._replace(logits=classified(teacher.embedding))
        criterion.teacher_classifier = classified
    weights = reference.weights(criterion)
    put(case, weights)
    loss = criterion(student, teacher, batch(len(ours[0])))
    assert loss.shape == (len(ours[0]),)
    loss.mean().backward()
    assert float(loss.detach().mean()) == pytest.approx(float(GOLDEN[f"{case}_loss"]), rel=1e-5)
    for maps, name in zip(ours, reference.gradients, strict=True):
        close_to(maps.grad, GOLDEN[f"{case}_{name}"])
    for name in reference.of_weights:
        kept = "grad_w" if name == "conv_weight" else f"grad_{name}"
        close_to(weights[name].grad, GOLDEN[f"{case}_{kept}"])


def test_reviewkd_compares_at_every_size_as_the_reference_does() -> None:
    ours = [GOLDEN[f"hcl_student{number}"].clone().requires_grad_() for number in range(4)]
    losses = [at_every_size(maps, GOLDEN[f"hcl_teacher{number}"]) for number, maps in enumerate(ours)]
    assert all(loss.shape == (8,) for loss in losses)
    total = sum(loss.mean() for loss in losses)
    assert isinstance(total, Tensor)
    total.backward()
    assert float(total.detach()) == pytest.approx(float(GOLDEN["hcl_loss"]), rel=1e-5)
    for number, maps in enumerate(ours):
        close_to(maps.grad, GOLDEN[f"hcl_grad_s{number}"])


def test_reviewkd_fuses_levels_as_the_reference_does() -> None:
    maps = GOLDEN["student_map_small"].clone().requires_grad_()
    fuse = Fusing(8, 10, 12, fuses=True)
    assert fuse.gates is not None
    layers = (fuse.conv1[0], fuse.conv1[1], fuse.gates, fuse.conv2[0], fuse.conv2[1])
    put("abf", of_convolutions(layers, "conv1", "bn1", "att", "conv2", "bn2"))
    result, left = fuse(maps, GOLDEN["abf_residual"], int(GOLDEN["abf_out_shape"]))
    torch.testing.assert_close(result, GOLDEN["abf_output"].float(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(left, GOLDEN["abf_residual_out"].float(), rtol=1e-5, atol=1e-5)
    loss = at_every_size(result, GOLDEN["teacher_map_large"]).mean()
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(GOLDEN["abf_loss"]), rel=1e-5)
    close_to(maps.grad, GOLDEN["abf_grad_s"])
