"""Criteria on embeddings: the values of public references, right where these fail, and contrastive memories."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unix_exp.criteria.crd import CRD, similarity, told_apart
from unix_exp.criteria.crd_negatives import Negatives
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.clock import Clock
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Mistake, Output

GOLDEN = {
    key: torch.from_numpy(np.asarray(value))
    for key, value in np.load(Path(__file__).parent / "golden" / "embeddings.npz").items()
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "rkd": ("rkd", {}),
    "pkt": ("pkt", {}),
    "cc": ("cc", {"form": "batch_order"}),
    "cc_gauss": ("cc", {}),
}
ALL: dict[str, tuple[str, dict[str, Any]]] = {
    **CASES,
    "cc with layers": ("cc", {"feat_dim": 6}),
    "crd": ("crd", {"nce_k": 8, "feat_dim": 6}),
    "crd at a low temperature": ("crd", {"nce_k": 8, "feat_dim": 6, "nce_t": 0.01}),
}
SIZE = 40  # of the training set
WHO = ("student", "teacher")

every_one = pytest.mark.parametrize("case", ALL)


def said(embedding: Tensor) -> Output:
    return Output(torch.empty(len(embedding), 0), (), embedding)


def facts(student: int, teacher: int, count: int = SIZE) -> Facts:
    shapes = {"student": said(torch.empty(1, student)), "teacher": said(torch.empty(1, teacher))}
    return Facts(5, count, 16, 12, 8, shapes, Clock())


def made(case: str, width: int = 4) -> Any:
    name, settings = ALL[case]
    torch.manual_seed(0)
    return criteria.make(name, settings, facts=facts(width, width))


def batch(rows: int = 6, classes: int = 5) -> Batch:
    return Batch(torch.zeros(rows, 3, 4, 4), torch.eye(classes)[torch.arange(rows) % classes], torch.arange(rows))


def drawn(seed: int, rows: int = 6, width: int = 4, dtype: Any = torch.float64) -> Tensor:
    randomness = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=randomness, dtype=torch.float64).to(dtype)


def close(found: Tensor | None, expected: Tensor) -> None:
    assert found is not None
    torch.testing.assert_close(found, expected.to(found.dtype), rtol=0, atol=1e-4 * float(expected.abs().max()))


def reference() -> Any:
    """CRD with the layers and memories of the stored case."""
    criterion = criteria.make("crd", {"feat_dim": 16, "nce_k": 32}, facts=facts(32, 32, count=64))
    stored = {f"embed_{who}.{part}": f"crd_embed_{who}_{part}" for who in WHO for part in ("weight", "bias")}
    stored |= {f"memory_{who}": f"crd_memory_{who}" for who in WHO}
    left = criterion.load_state_dict({name: GOLDEN[key] for name, key in stored.items()}, strict=False)
    assert not left.unexpected_keys
    return criterion


@pytest.mark.parametrize("case", CASES)
def test_a_loss_and_its_gradient_are_the_reference_s(case: str) -> None:
    name, settings = CASES[case]
    kind = "unit_" * (case == "cc_gauss")
    student = GOLDEN[f"student_{kind}embedding"].clone().requires_grad_()
    loss = criteria.make(name, settings)(said(student), said(GOLDEN[f"teacher_{kind}embedding"]), batch(16))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(GOLDEN[f"{case}_loss"]), rel=1e-5)
    close(student.grad, GOLDEN[f"{case}_grad_s"])


def test_contrastive_distillation_is_the_reference_s_step_by_step() -> None:
    criterion, student = reference(), GOLDEN["student_embedding"].clone().requires_grad_()
    given = said(student), said(GOLDEN["teacher_embedding"]), GOLDEN["crd_contrast_index"]
    loss = criterion.contrast(*given).mean()
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(GOLDEN["crd_loss"]), rel=1e-5)
    close(student.grad, GOLDEN["crd_grad_s"])
    for who in WHO:
        z = getattr(criterion, f"log_z_{who}").exp()
        assert float(z) == pytest.approx(float(GOLDEN[f"crd_z_{who}"]), rel=1e-5)
        close(getattr(criterion, f"memory_{who}"), GOLDEN[f"crd_memory_{who}_after"])
    again = criterion.contrast(*given).mean()
    assert float(again.detach()) == pytest.approx(float(GOLDEN["crd_second_loss"]), rel=1e-5)


def test_the_contrast_alone_is_the_reference_s() -> None:
    x = GOLDEN["crd_similarity"].clone().requires_grad_()
    loss = told_apart(x.log(), int(GOLDEN["crd_contrast_n_data"])).mean()
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(GOLDEN["crd_contrast_loss"]), rel=1e-5)
    close(x.grad, GOLDEN["crd_contrast_grad_x"])


def test_similarities_may_be_beyond_what_float32_can_hold_the_exponential_of() -> None:
    log_x = torch.tensor([[200.0, -200.0, 0.0, 200.0], [-200.0, 200.0, 100.0, -100.0]]).requires_grad_()
    loss = told_apart(log_x, SIZE)
    loss.sum().backward()
    torch.testing.assert_close(loss, told_apart(log_x.double(), SIZE).float())
    assert loss.isfinite().all() and log_x.grad is not None and log_x.grad.isfinite().all()
    assert loss[1] > 500 and loss[0] > 200, "the loss of an image goes on with its logarithm"


@every_one
def test_the_gradient_is_that_of_the_value(case: str) -> None:
    criterion = made(case)
    if isinstance(criterion, nn.Module):
        criterion.double()

    def loss(embedding: Tensor) -> Tensor:
        torch.manual_seed(1)  # the same negatives
        value: Tensor = copy.deepcopy(criterion)(said(embedding), said(drawn(1)), batch())  # and the same memories
        return value

    if "crd" in case:  # what a first batch sets has no gradient, so it has to be there already
        criterion(said(drawn(2)), said(drawn(3)), batch())
    assert torch.autograd.gradcheck(loss, drawn(0).requires_grad_())


@every_one
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_embedding_makes_a_loss_or_gradient_that_is_not_finite(case: str, dtype: torch.dtype) -> None:
    criterion, plain = made(case), drawn(0, dtype=dtype)
    signs = torch.tensor([1, -1, 1, -1, 1, -1]).unsqueeze(1).to(dtype)
    kinds = [plain, 1e10 * plain, 1e-20 * plain, 0 * plain, plain[:1].expand(6, 4), plain[:1] * signs, plain + 1000]
    kinds.append(torch.cat([0 * plain[:1], plain[1:2], plain[1:5]]))  # one of zeros, and two alike
    for given in kinds:
        for teacher in (given, plain, 0 * plain):
            student = given.clone().requires_grad_()
            loss = criterion(said(student), said(teacher), batch())
            assert loss.isfinite().all() and loss.dtype == torch.float32
            loss.sum().backward()
            assert student.grad is not None and student.grad.isfinite().all()


@every_one
def test_a_batch_of_one_image_is_finite(case: str) -> None:
    student = drawn(0, rows=1, dtype=torch.float32).requires_grad_()
    loss = made(case)(said(student), said(drawn(1, rows=1, dtype=torch.float32)), batch(1))
    loss.sum().backward()
    assert student.grad is not None and student.grad.isfinite().all()
    if "crd" not in case:
        assert float(loss.detach()) == pytest.approx(0, abs=1e-6), "there is nothing to compare it with"


def test_an_embedding_of_zeros_has_no_gradient() -> None:
    student = torch.cat([torch.zeros(1, 4), drawn(0, rows=5, dtype=torch.float32)]).requires_grad_()
    for criterion in (made("pkt"), made("cc_gauss"), without_bias(made("crd"))):
        student.grad = None
        criterion(said(student), said(drawn(1, dtype=torch.float32)), batch()).sum().backward()
        assert student.grad is not None and not student.grad[0].any() and student.grad[1:].any(dim=1).all()


def without_bias(criterion: Any) -> Any:
    torch.nn.init.zeros_(criterion.embed_student.bias)
    return criterion


@every_one
def test_a_loss_is_per_image_unless_it_compares_images(case: str) -> None:
    given = said(drawn(0, dtype=torch.float32)), said(drawn(1, dtype=torch.float32))
    losses, weights = made(case)(*given, batch()), torch.tensor([2.0, 0.5, 0, 1, 0, 1])
    objective = Weighted({case: made(case)}, {case: 1.0})  # draws the same numbers as the one above
    if "crd" not in case:
        assert losses.dim() == 0
        with pytest.raises(Mistake, match="compares images with each other"):
            objective(*given, batch()._replace(weight=weights))
        return
    assert losses.shape == (6,) and losses.unique().numel() == 6
    found = objective(*given, batch()._replace(weight=weights))[case]
    torch.testing.assert_close(found, (losses * weights).mean())


def test_relations_are_those_of_the_figure_not_of_its_place_or_size() -> None:
    student, teacher = drawn(0, dtype=torch.float32), drawn(1, dtype=torch.float32)
    loss = made("rkd")(said(student), said(teacher), batch())
    far = (100 + student).float()  # where a product of embeddings has lost its last digits
    exact = made("rkd")(said(far.double() * 7), said(teacher.double()), batch())
    assert float(made("rkd")(said(far), said(teacher), batch())) == pytest.approx(float(exact), rel=1e-5)
    assert float(exact) == pytest.approx(float(loss), rel=1e-3)
    turned = student.double() @ torch.linalg.qr(drawn(2, rows=4))[0]
    assert float(made("rkd")(said(turned), said(teacher.double()), batch())) == pytest.approx(float(loss), rel=1e-5)
    assert float(made("rkd")(said(3 * teacher), said(teacher), batch())) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("size", [3.0, 1.0])
def test_correlation_congruence_compares_directions(size: float) -> None:
    unit = torch.nn.functional.normalize(drawn(0))
    loss = made("cc_gauss")(said(size * unit), said(drawn(1)), batch())
    torch.testing.assert_close(loss, made("cc_gauss")(said(drawn(0)), said(5 * drawn(1)), batch()))


def test_batch_order_needs_one_width_and_a_layer_makes_it() -> None:
    known = facts(3, 4)
    given = said(drawn(0, width=3, dtype=torch.float32)), said(drawn(1, dtype=torch.float32)), batch()
    with pytest.raises(Mistake, match=r"student's has 3 dimensions and the teacher's 4; choose criterion.cc.feat_dim"):
        criteria.make("cc", {"form": "batch_order"}, facts=known)(*given)
    with pytest.raises(Mistake, match=r"criterion.feat_dim is 8.*pass facts"):
        criteria.make("cc", {"feat_dim": 8})
    criterion = criteria.make("cc", {"form": "batch_order", "feat_dim": 8}, facts=known)
    criterion(*given).backward()
    weights = list(criterion.parameters())
    assert len(weights) == 4 and all(weight.grad is not None and weight.grad.any() for weight in weights)


@pytest.mark.parametrize("case", ["cc with layers", "crd"])
def test_a_method_without_a_teacher_refuses_layers_for_one(case: str) -> None:
    name, settings = ALL[case]
    known = facts(3, 4)
    alone = known._replace(shapes={"student": known.shapes["student"]})
    with pytest.raises(Mistake, match=f"^criterion '{name}' compares with a teacher and this method has none"):
        criteria.make(name, settings, facts=alone)


def test_the_first_batch_sets_the_scale_and_the_memory_follows_the_images() -> None:
    criterion: CRD = made("crd")
    before = criterion.memory_student.clone()
    assert criterion.log_z_student.isinf()
    criterion(said(drawn(0, dtype=torch.float32)), said(drawn(1, dtype=torch.float32)), batch())
    scale, memory = criterion.log_z_student.clone(), criterion.memory_student.clone()
    assert scale.isfinite() and torch.equal(memory[6:], before[6:])
    later = batch()._replace(index=torch.tensor([30, 31, 32, 33, 34, 35]))
    criterion(said(drawn(2, dtype=torch.float32)), said(drawn(3, dtype=torch.float32)), later)
    assert torch.equal(criterion.log_z_student, scale)
    changed = (criterion.memory_student != memory).any(dim=1).nonzero().flatten()
    assert changed.tolist() == later.index.tolist()
    torch.testing.assert_close(memory[:6].norm(dim=1), torch.ones(6))
    assert set(criterion.state_dict()) >= {"memory_student", "memory_teacher", "log_z_student", "negatives.class_of"}


def test_negatives_are_of_other_classes_as_far_as_these_are_known() -> None:
    negatives = Negatives(facts(4, 4), 4000, "other_classes")
    first = negatives(batch(10))  # two images of each class; nothing is known of the other thirty
    assert ((first % 5 != torch.arange(10).unsqueeze(1) % 5) | (first >= 10)).all()
    assert set(first[0].tolist()) == set(range(40)) - {0, 5}
    times = torch.bincount(first[0], minlength=40)[[1, 9, 10, 39]]
    assert times.min() > 60 and times.max() < 160, "of 4000 among 38, 105 each"
    everything = Batch(torch.zeros(40, 0), torch.eye(5)[torch.arange(40) % 5], torch.arange(40))
    assert (negatives(everything) % 5 != torch.arange(40).unsqueeze(1) % 5).all()


def test_a_mixed_image_is_of_the_class_of_its_larger_part() -> None:
    negatives, plain = Negatives(facts(4, 4), 4, "other_classes"), batch()
    negatives(plain._replace(targets=0.7 * plain.targets + 0.3 * plain.targets.flip(0)))
    assert negatives.class_of[:6].tolist() == [0, 1, 2, 3, 4, 0] and (negatives.class_of[6:] == -1).all()


def test_negatives_of_all_classes_are_everything_but_the_image() -> None:
    found = Negatives(facts(4, 4), 2000, "all")(batch(40))
    assert all(set(row.tolist()) == set(range(40)) - {own} for own, row in enumerate(found))


def test_similarities_are_the_same_whichever_way_they_are_computed() -> None:
    memory, rows = drawn(1, rows=SIZE), torch.arange(12).view(6, 2) * 3
    found = []
    for compared in (rows, rows.repeat(1, SIZE)):  # few of a large memory are copied, many are not
        anchors = drawn(0).requires_grad_()
        of_rows = similarity(anchors, memory, compared)[:, :2]
        of_rows.square().sum().backward()
        found.append((of_rows.detach(), anchors.grad))
    torch.testing.assert_close(*found)
