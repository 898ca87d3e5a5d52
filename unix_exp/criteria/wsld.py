from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.logits import Temperature, cross_entropy, precise
from unix_exp.ranges import Weight
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("wsld")
class WSLD:
    """Weighted soft labels: an image counts little where the student is better at its label than the teacher.

    alpha tau^2 w CE(student, teacher at tau), w = 1 - exp(-CE_S / CE_T) of the labels, without gradient (Zhou et al.
    2021, arXiv 2102.00650). The labels of a mixed image are mixed like the image.
    """

    needs_teacher = True

    def __init__(
        self, alpha: Annotated[Weight, "how much the weighted soft labels count"] = 2.25, tau: Temperature = 4.0
    ) -> None:
        self.alpha, self.tau = alpha, tau

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        weight = need(*(of_labels(one.logits.detach(), batch.targets) for one in (student, teacher)))
        return self.alpha * weight * cross_entropy(student.logits, teacher.logits, self.tau)


def of_labels(logits: Tensor, targets: Tensor) -> Tensor:
    """[N], the cross entropy with the labels."""
    return -(targets * F.log_softmax(precise(logits), dim=1)).sum(dim=1)


def need(student: Tensor, teacher: Tensor) -> Tensor:
    """[N] from 0 to 1, how much an image needs the teacher, by the two losses with its label."""
    return -(-student / (teacher + 1e-7)).expm1()
