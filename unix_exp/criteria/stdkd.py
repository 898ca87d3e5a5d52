from __future__ import annotations

from torch import Tensor

from unix_exp.criteria.logits import Temperature, divergence, standardised
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("stdkd")
class StdKD:
    """Distillation of standardised logits: both networks' have mean 0 and standard deviation 1 in every image.

    So the student need not match how large the teacher's logits are (Sun, Ren, Li, Wang and Cao 2024,
    arXiv 2403.01427).
    """

    needs_teacher = True

    def __init__(self, tau: Temperature = 2.0) -> None:
        self.tau = tau

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        return divergence(standardised(student.logits), standardised(teacher.logits), self.tau)
