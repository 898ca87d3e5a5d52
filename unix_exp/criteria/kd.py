from __future__ import annotations

from torch import Tensor

from unix_exp.criteria.logits import Temperature, divergence
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("kd")
class KD:
    """Match the teacher's softened predictions: tau^2 KL(teacher || student).

    (Hinton, Vinyals and Dean 2015, arXiv 1503.02531)
    """

    needs_teacher = True
    plain_distillation = True  # so the names of methods leave it out

    def __init__(self, tau: Temperature = 4.0) -> None:
        self.tau = tau

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        return divergence(student.logits, teacher.logits, self.tau)
