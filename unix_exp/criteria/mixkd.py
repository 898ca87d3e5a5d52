from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.logits import precise
from unix_exp.ranges import Weight
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("mixkd")
class MixKD:
    """Labels and teacher, every image at a temperature of its own: the standard deviation of its logits.

    gamma CE(z_S / std(z_S)) + alpha KL(teacher || student) of the logits so divided; without a factor tau^2
    (Choi, Jeon, Shukla and Turaga 2023, arXiv 2211.03946).
    """

    needs_teacher = True

    def __init__(
        self,
        gamma: Annotated[Weight, "weight of the labels"] = 0.1,
        alpha: Annotated[Weight, "weight of the teacher"] = 0.9,
    ) -> None:
        self.gamma, self.alpha = gamma, alpha

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        log_student, log_teacher = (F.log_softmax(rescaled(one.logits), dim=1) for one in (student, teacher))
        of_labels = -(batch.targets * log_student).sum(dim=1)
        of_teacher = F.kl_div(log_student, log_teacher, reduction="none", log_target=True).sum(dim=1)
        return self.gamma * of_labels + self.alpha * of_teacher


def rescaled(logits: Tensor) -> Tensor:
    """Each row divided by its standard deviation over the classes; the gradient goes through both."""
    logits = precise(logits)
    # The reference divides by zero where all classes are alike; the root of the clamped variance keeps a gradient.
    return logits / logits.var(dim=1, keepdim=True).clamp_min(1e-8).sqrt()
