"""PAD: the embedding matched twice, the second time each image weighted by a learned uncertainty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from unix_exp.distillers.pad_weighting import LearnedVariance, by_variance

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
