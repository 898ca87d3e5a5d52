"""What criteria on logits share, in logarithms throughout: a probability that underflows stays a finite number."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.ranges import Range

Temperature: TypeAlias = Annotated[
    float, Range(0.01, 1000), "the temperature: what logits are divided by before the softmax"
]


def precise(logits: Tensor) -> Tensor:
    """In float32, whatever the networks' precision; float64 stays as it is."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def divergence(student: Tensor, teacher: Tensor, tau: float | Tensor) -> Tensor:
    """[N], tau^2 KL(teacher || student) of the softened predictions."""
    return tau**2 * apart(*(F.log_softmax(precise(one) / tau, dim=1) for one in (student, teacher)))


def apart(log_student: Tensor, log_teacher: Tensor) -> Tensor:
    """[N], KL(teacher || student) of log-probabilities."""
    return F.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(dim=1)


def cross_entropy(student: Tensor, teacher: Tensor, tau: float) -> Tensor:
    """[N], tau^2 times the cross entropy of the student with the teacher's softened predictions."""
    wanted = F.softmax(precise(teacher) / tau, dim=1)
    return -(tau**2) * (wanted * F.log_softmax(precise(student) / tau, dim=1)).sum(dim=1)


def dominant(targets: Tensor) -> Tensor:
    """[N, 1], the class of an image; of a mixed image that of its larger part."""
    return targets.argmax(dim=1, keepdim=True)


def others(logits: Tensor, target: Tensor) -> Tensor:
    """[N, C - 1], every row without its target class."""
    position = torch.arange(logits.shape[1] - 1, device=logits.device)
    return logits.gather(1, position + (position >= target))


def standardised(logits: Tensor) -> Tensor:
    """Every row with mean 0 and standard deviation 1 over the classes; the gradient goes through both."""
    logits = precise(logits)
    return (logits - logits.mean(dim=1, keepdim=True)) / (1e-7 + logits.std(dim=1, keepdim=True))
