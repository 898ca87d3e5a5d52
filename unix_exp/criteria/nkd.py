from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.logits import Temperature, cross_entropy, dominant, others, precise
from unix_exp.ranges import Weight
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("nkd")
class NKD:
    """Normalised distillation: the target class as sure as the teacher's, the others by their shares among themselves.

    -p_T log p_S of the target class, plus gamma tau^2 times the cross entropy of the other classes, renormalised at
    tau (Yang et al. 2023, arXiv 2303.13005). The target of a mixed image is the class of its larger part.
    """

    needs_teacher = True

    def __init__(
        self, gamma: Annotated[Weight, "weight of the classes beside the target"] = 1.5, tau: Temperature = 1.0
    ) -> None:
        self.gamma, self.tau = gamma, tau

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        mine, theirs, target = precise(student.logits), precise(teacher.logits), dominant(batch.targets)
        of_target = F.softmax(theirs, dim=1).gather(1, target) * F.log_softmax(mine, dim=1).gather(1, target)
        rest = cross_entropy(others(mine, target), others(theirs, target), self.tau)
        return self.gamma * rest - of_target.squeeze(1)
