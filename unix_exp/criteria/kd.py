from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from unix_exp.ranges import Range
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("kd")
class KD:
    """Match the teacher's softened predictions: tau^2 KL(teacher || student) (Hinton, Vinyals and Dean 2015)."""

    needs_teacher = True
    plain_distillation = True  # so the names of methods leave it out

    def __init__(self, tau: Annotated[float, Range(0.01, 1000)] = 4.0) -> None:
        self.tau = tau

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        log_student = F.log_softmax(student.logits.float() / self.tau, dim=1)
        log_teacher = F.log_softmax(teacher.logits.float() / self.tau, dim=1)
        return self.tau**2 * F.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(dim=1)
