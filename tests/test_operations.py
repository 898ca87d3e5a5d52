"""Every convolution and matrix product is counted once, and belongs to whom it was executed for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from common import Small
from torch import Tensor, nn

from unix_exp.cost import rules
from unix_exp.cost.operations import Counted, Operations


def counted(work: Callable[[], Any], **networks: nn.Module) -> Counted:
    with Operations(networks) as operations:
        work()
    return operations


def images(count: int, side: int = 16) -> Tensor:
    return torch.zeros(count, 3, side, side, device="meta")


ONE = 4 * 4 * 4 * 3 * 9 + 2 * 4 * 4 * 4 + 4 * 10  # Small's convolution, batch norm and classifier on 16x16


@pytest.fixture
def student() -> nn.Module:
    return Small().to("meta")


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (nn.Conv2d(8, 12, 3, stride=2, padding=1), (2, 8, 10, 10), 2 * 12 * 8 * 9 * 5 * 5),
        (nn.Conv2d(8, 12, 3, groups=4), (2, 8, 10, 10), 2 * 12 * 2 * 9 * 8 * 8),
        (nn.Conv2d(8, 8, 3, groups=8, padding="same"), (2, 8, 10, 10), 2 * 8 * 9 * 10 * 10),
        (nn.Conv2d(8, 12, 3), (8, 10, 10), 12 * 8 * 9 * 8 * 8),  # one image without a batch
        (nn.ConvTranspose2d(8, 12, 3, stride=2), (2, 8, 10, 10), 2 * 8 * 12 * 9 * 10 * 10),
        (nn.ConvTranspose2d(8, 12, 3, groups=2), (2, 8, 10, 10), 2 * 8 * 6 * 9 * 10 * 10),
        (nn.Conv1d(8, 12, 3), (2, 8, 10), 2 * 12 * 8 * 3 * 8),
        (nn.Linear(8, 12), (5, 8), 5 * 8 * 12),
        (nn.Linear(8, 12, bias=False), (2, 5, 8), 2 * 5 * 8 * 12),
        (nn.BatchNorm2d(8), (2, 8, 5, 5), 2 * 2 * 8 * 25),
        (nn.BatchNorm2d(8, affine=False), (2, 8, 5, 5), 2 * 8 * 25),
        (nn.LayerNorm(8), (2, 5, 8), 5 * 2 * 5 * 8),
        (nn.LayerNorm(8, elementwise_affine=False), (2, 5, 8), 4 * 2 * 5 * 8),
        (nn.GroupNorm(2, 8), (2, 8, 5, 5), 5 * 2 * 8 * 25),
        (nn.InstanceNorm2d(8, affine=True), (2, 8, 5, 5), 5 * 2 * 8 * 25),
        (nn.InstanceNorm2d(8), (2, 8, 5, 5), 4 * 2 * 8 * 25),
        (nn.AdaptiveAvgPool2d(1), (2, 8, 5, 5), 2 * 8 * 25),
        (nn.AdaptiveAvgPool2d(2), (2, 8, 6, 6), 2 * 8 * 36),
        (nn.Upsample(scale_factor=2), (2, 8, 5, 5), 2 * 8 * 100),
        (nn.Upsample(scale_factor=2, mode="bilinear"), (2, 8, 5, 5), 4 * 2 * 8 * 100),
    ],
    ids=str,
)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_a_layer_costs_what_its_formula_says(
    layer: nn.Module, shape: tuple[int, ...], macs: int, training: bool, device: str
) -> None:
    layer = layer.to_empty(device=device).train(training)
    operations = counted(lambda: layer(torch.zeros(shape, device=device)))
    assert operations.total() == macs
    assert not operations.unpriced


A, B = torch.ones(2, 5, 7), torch.ones(2, 7, 3)


@pytest.mark.parametrize(
    ("work", "macs"),
    [
        (lambda: A @ B, 2 * 5 * 7 * 3),
        (lambda: A[0] @ B[0, :, 0], 5 * 7),
        (lambda: A[0, 0] @ B[0, :, 0], 7),
        (lambda: A[0].addmm(A[0], torch.ones(7, 7)), 5 * 7 * 7),
        (lambda: torch.baddbmm(torch.ones(2, 5, 3), A, B), 2 * 5 * 7 * 3),
        (lambda: torch.einsum("nij,njk->nik", A, B), 2 * 5 * 7 * 3),
        (lambda: torch.einsum("nij,nij->n", A, A), 2 * 5 * 7),
        (lambda: torch.cdist(torch.ones(30, 7), torch.ones(40, 7)), 30 * 40 * 7),
    ],
)
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_a_matrix_product_counts_however_it_is_written(
    work: Callable[[], Any], macs: int, around: Callable[[], Any]
) -> None:
    with around():
        assert counted(work).total(kind=rules.PRODUCT) == counted(work).total() == macs


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_two_matrix_products_in_every_form(device: str, around: Callable[[], Any], causal: bool) -> None:
    with around():
        q, k = torch.zeros(2, 3, 50, 16, device=device), torch.zeros(2, 3, 70, 16, device=device)
        operations = counted(lambda: F.scaled_dot_product_attention(q, k, k, is_causal=causal))
    assert operations.by_kind() == {rules.ATTENTION: 2 * (2 * 3 * 50 * 70 * 16)}


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("around", [torch.enable_grad, torch.no_grad])
@pytest.mark.parametrize("training", [True, False])
def test_attention_inside_a_layer_is_told_from_its_projections(
    device: str, weights: bool, around: Callable[[], Any], training: bool
) -> None:
    layer = nn.MultiheadAttention(16, 4, batch_first=True, device=device).train(training)
    tokens = torch.zeros(3, 7, 16, device=device)
    with around():
        operations = counted(lambda: layer(tokens, tokens, tokens, need_weights=weights))
    assert operations.by_kind() == {rules.PRODUCT: 4 * 3 * 7 * 16 * 16, rules.ATTENTION: 2 * 3 * 7 * 7 * 16}


def test_autocast_changes_no_count() -> None:
    layer = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    plain = counted(lambda: layer(torch.zeros(2, 3, 8, 8)))
    with torch.autocast("cpu", torch.bfloat16):
        cast = counted(lambda: layer(torch.zeros(2, 3, 8, 8)))
    assert cast.macs == plain.macs
    assert not cast.unpriced


def odd(x: Tensor) -> Tensor:
    return x.clone()


@pytest.mark.parametrize(
    ("work", "name"),
    [
        (lambda x: torch.fft.rfft2(x), "aten::_fft_r2c"),
        (lambda x: torch.cdist(x, x), "aten::_cdist_forward"),
        (lambda x: torch.linalg.svd(x), "aten::_linalg_svd"),
        (lambda x: F.interpolate(x[None, None], scale_factor=2, mode="bicubic"), "aten::upsample_bicubic2d"),
        (lambda x: nn.Bilinear(4, 4, 2)(x, x), "aten::_trilinear"),
        (torch.library.custom_op("tests::odd", odd, mutates_args=()), "tests::odd"),
    ],
)
def test_what_no_rule_prices_is_named(work: Callable[[Tensor], Any], name: str) -> None:
    operations = counted(lambda: [work(torch.ones(4, 4)) for _ in range(2)])
    assert operations.unpriced == {name: 2}
    assert operations.total() == 0


def test_elementwise_views_reductions_and_random_numbers_cost_nothing() -> None:
    def work() -> None:
        x = torch.rand(2, 3, 8, 8)
        y = F.max_pool2d(F.pad(x.relu().add_(1), (1, 1, 1, 1)), 2).mean((2, 3)).softmax(1)
        y.sort().values.cumsum(1).unsqueeze_(0).detach_()[..., 0].sum().item()
        F.cross_entropy(F.dropout(y), y.argmax(1))
        F.kl_div(y.log(), F.normalize(y)[torch.randperm(2)])
        torch.cat([torch.outer(y[0], y[0]), torch.eye(3)]).flatten().topk(2)

    operations = counted(work)
    assert not operations.macs
    assert not operations.unpriced


def test_each_network_has_its_own_role_with_and_without_gradient(student: nn.Module) -> None:
    teacher = Small().to("meta").requires_grad_(False)

    def work() -> None:
        with torch.no_grad():
            student(images(8))
        student(images(6))
        teacher(images(5))  # nobody says no_grad, and yet nothing flows into frozen weights

    operations = counted(work, student=student, teacher=teacher)
    assert operations.images == {("student", False): 8, ("student", True): 6, ("teacher", False): 5}
    assert operations.total("student", False) == 8 * ONE
    assert operations.total("student", True) == 6 * ONE
    assert operations.total("teacher", False) == operations.total("teacher") == 5 * ONE
    assert operations.total() == 19 * ONE


def test_a_look_at_half_the_resolution_costs_a_quarter(student: nn.Module) -> None:
    whole = counted(lambda: student(images(8, 32)), student=student).total("student", kind=rules.CONVOLUTION)
    half = counted(lambda: student(F.avg_pool2d(images(8, 32), 2)), student=student)
    assert half.total("student", kind=rules.CONVOLUTION) == whole / 4
    assert half.seen("student") == 8


def test_heads_adapters_and_losses_belong_to_the_method(student: nn.Module) -> None:
    adapter = nn.Linear(4, 6, device="meta")

    def work() -> None:
        embedding = student(images(8)).embedding
        likenesses = adapter(embedding) @ adapter(embedding).T
        likenesses.sum()

    operations = counted(work, student=student)
    assert operations.total("student") == 8 * ONE
    assert operations.macs["method", True, rules.PRODUCT] == 2 * 8 * 4 * 6 + 8 * 8 * 6


def test_gradient_flows_through_a_frozen_network_behind_a_trained_adapter(student: nn.Module) -> None:
    adapter, frozen = nn.Conv2d(3, 3, 1, device="meta"), student.requires_grad_(False)
    operations = counted(lambda: frozen(adapter(images(8))), teacher=frozen)
    assert operations.total("teacher", with_gradient=True) == operations.total("teacher") == 8 * ONE
    assert operations.images == {("teacher", True): 8}


def test_a_call_past_the_hooks_does_not_vanish(student: nn.Module) -> None:
    operations = counted(lambda: student.forward(images(8)), student=student)
    assert operations.total("method", with_gradient=True) == 8 * ONE


def test_a_backward_pass_is_left_out_whoever_asks_for_it(student: nn.Module) -> None:
    def work() -> None:
        student(images(8)).logits.sum().backward()

    assert counted(work, student=student).total() == 8 * ONE


def test_a_call_that_fails_leaves_the_next_operations_to_the_method(student: nn.Module) -> None:
    def work() -> None:
        with pytest.raises(RuntimeError):
            student(torch.zeros(8, 4, 16, 16, device="meta"))
        torch.ones(2, 3) @ torch.ones(3, 4)

    operations = counted(work, student=student)
    assert operations.macs == {("method", False, rules.PRODUCT): 24}
    assert not operations.images


def test_a_network_of_two_roles_is_counted_once(student: nn.Module) -> None:
    operations = counted(lambda: student(images(8)), student=student, teacher=student)
    assert operations.images == {("student", True): 8}


def test_images_may_be_passed_by_name(student: nn.Module) -> None:
    assert counted(lambda: student(images=images(8)), student=student).seen("student") == 8


def test_nothing_stays_behind(student: nn.Module) -> None:
    with pytest.raises(ZeroDivisionError), Operations({"student": student}) as operations:
        raise ZeroDivisionError
    student(images(8))
    assert not operations.macs
    assert not student._forward_pre_hooks
    assert not student._forward_hooks
