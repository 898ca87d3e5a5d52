"""PAD: the embedding matched twice, the second time each image weighted by a learned uncertainty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from unix_exp.distillers.pad_weighting import Hardest, LearnedVariance, Power, SharedVariance, Unweighted, by_variance

GOLDEN = dict(np.load(Path(__file__).parent / "golden" / "pad.npz"))


def golden(name: str) -> Tensor:
    return torch.from_numpy(GOLDEN[name])


def close(ours: Tensor, name: str, share: float = 1e-5) -> None:
    wanted = golden(name).to(ours.dtype)
    assert (ours - wanted).abs().max() <= share * wanted.abs().max(), name


def test_the_loss_and_its_gradients_are_the_reference_s() -> None:
    head = LearnedVariance(32)
    with torch.no_grad():
        for part in ("linear", "bn"):
            for kind in ("weight", "bias"):
                layer = head.linear if part == "linear" else head.norm
                getattr(layer, kind).copy_(golden(f"pad_{part}_{kind}"))
    student, teacher = golden("student_embedding").requires_grad_(), golden("teacher_embedding")
    weighed = head(student, teacher)
    weighed.loss.mean().backward()
    close(weighed.loss.mean().detach(), "pad_loss")
    close(weighed.weight, "pad_sample_weight")
    close(student.grad, "pad_grad_s", 1e-4)  # through the head too
    close(head.linear.weight.grad, "pad_grad_w", 1e-4)


def test_with_a_given_variance_the_loss_is_the_reference_s() -> None:
    student, variance = golden("student_embedding").requires_grad_(), golden("pad_given_log_variance").requires_grad_()
    loss = by_variance(student, golden("teacher_embedding"), variance).loss.mean()
    loss.backward()
    close(loss.detach(), "pad_given_loss")
    close(student.grad, "pad_given_grad_s", 1e-4)
    close(variance.grad, "pad_given_grad_v", 1e-4)


def test_its_gradients_are_those_of_its_values() -> None:
    randomness = torch.Generator().manual_seed(0)
    student, teacher, variance = (
        torch.randn(5, 4, dtype=torch.float64, generator=randomness).requires_grad_() for _ in range(3)
    )
    head = LearnedVariance(4).double()
    assert torch.autograd.gradcheck(lambda *given: by_variance(*given).loss, (student, teacher, variance))
    assert torch.autograd.gradcheck(lambda *given: head(*given).loss, (student, teacher))
    for control in (SharedVariance(4).double(), Unweighted(15.0)):
        assert torch.autograd.gradcheck(lambda *given, control=control: control(*given).loss, (student, teacher))


@pytest.mark.parametrize("log_variance", [-100.0, -20.0, 0.0, 200.0])
def test_no_variance_breaks_a_gradient(log_variance: float) -> None:
    variance = torch.full((2, 3), log_variance).requires_grad_()
    by_variance(torch.zeros(2, 3), torch.ones(2, 3), variance).loss.sum().backward()
    assert variance.grad is not None and variance.grad.isfinite().all()


def distances(count: int = 12) -> Tensor:
    return torch.rand(count, generator=torch.Generator().manual_seed(1)) + 0.1


def test_hard_example_mining_keeps_only_the_most_distant_images() -> None:
    apart = distances()
    weight = Hardest(beta=1.0, keep=0.3).weight(apart)  # 3 of 12
    assert weight.mean() == pytest.approx(1.0)
    assert sorted(weight.nonzero().flatten().tolist()) == sorted(apart.topk(3).indices.tolist())
    assert (Hardest(beta=1.0, keep=0.01).weight(apart) > 0).sum() == 1, "at least one"
    assert torch.equal(Hardest(beta=1.0, keep=1.0).weight(apart), torch.ones(12))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, -1.0])
def test_focal_weights_are_a_power_of_the_distance_with_mean_one(gamma: float) -> None:
    apart = distances()
    weight = Power(beta=1.0, gamma=gamma).weight(apart)
    wanted = apart**gamma / (apart**gamma).mean()
    assert torch.allclose(weight, wanted, rtol=1e-5)
    assert weight.mean() == pytest.approx(1.0)


def test_an_image_that_matches_its_teacher_breaks_no_weight() -> None:
    apart = torch.tensor([0.0, 1.0, 1e30])
    for gamma in (2.0, -2.0):
        assert Power(beta=1.0, gamma=gamma).weight(apart).isfinite().all()


def test_a_control_s_weight_carries_no_gradient() -> None:
    student = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    teacher = torch.zeros(6, 4)
    weighed = Power(beta=2.0, gamma=1.0)(student, teacher)
    weighed.loss.sum().backward()
    assert torch.allclose(student.grad, 2.0 * weighed.weight[:, None] * 2 * student.detach() / 4)
