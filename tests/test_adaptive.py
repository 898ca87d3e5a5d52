"""Adaptive Distillation: the paths' values, the learned weights, and the adapters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from unix_exp.distillers.adaptive_paths import PATHS

GOLDEN = np.load(Path(__file__).parent / "golden" / "step.npz")


def golden(name: str) -> Tensor:
    return torch.from_numpy(GOLDEN[name])


VALUES = {
    "st": "path_soft_target",
    "logits": "path_logits",
    "at": "path_attention_transfer",
    "nst": "path_nst",
    "fm": "path_feature_map",
}


def example(name: str) -> tuple[Tensor, Tensor]:
    what = "mixstd_{}_logits" if PATHS[name].reads == "logits" else "path_{}_feature"
    return golden(what.format("student")), golden(what.format("teacher"))


@pytest.mark.parametrize("name", VALUES)
def test_a_path_has_the_value_of_the_paper_s_code(name: str) -> None:
    value = PATHS[name].distance(*example(name)).mean()
    torch.testing.assert_close(value, golden(VALUES[name]), rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", VALUES)
def test_a_path_s_gradient_is_that_of_its_value(name: str) -> None:
    student, teacher = (one[:2].double() for one in example(name))
    if student.dim() == 4:
        student, teacher = student[:, :3], teacher[:, :3]
    assert torch.autograd.gradcheck(lambda x: PATHS[name].distance(x, teacher), student.requires_grad_())
