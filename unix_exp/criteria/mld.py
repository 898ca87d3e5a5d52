from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.logits import Temperature, divergence, precise
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("mld")
class MLD:
    """Multi-level logit distillation: the predictions, how alike they are between images, and between classes.

    KD at tau, plus ||P_S P_S^T - P_T P_T^T||^2 / N and ||P_S^T P_S - P_T^T P_T||^2 / C of the predictions P [N, C] at
    tau (Jin, Wang and Lin 2023).
    """

    needs_teacher = True

    def __init__(self, tau: Temperature = 4.0) -> None:
        self.tau = tau

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        mine, theirs = (F.softmax(precise(one.logits) / self.tau, dim=1) for one in (student, teacher))
        of_images, of_classes = relations(mine, theirs), relations(mine.T, theirs.T)
        return divergence(student.logits, teacher.logits, self.tau).mean() + of_images + of_classes


def relations(student: Tensor, teacher: Tensor) -> Tensor:
    """How differently the rows of the two are alike among themselves."""
    return (student @ student.T - teacher @ teacher.T).square().sum() / len(student)
