from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.logits import Temperature, apart, divergence, dominant, others, precise, standardised
from unix_exp.ranges import WarmUp, Weight
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Mistake, Output


@criteria.register("dkd")
class DKD:
    """Decoupled distillation: how sure of the target class, and how the other classes compare, weighed apart.

    tau^2 [alpha KL(target class or not) + beta KL(among the other classes)] (Zhao, Cui, Song, Qiu and Liang 2022,
    arXiv 2203.08679). The target of a mixed image is the class of its larger part. With
    `standardised` as Sun et al. (2024) have it.
    """

    needs_teacher = True

    def __init__(
        self,
        alpha: Annotated[Weight, "weight of how sure the teacher is of the target class"] = 1.0,
        beta: Annotated[Weight, "weight of how the other classes compare among themselves"] = 8.0,
        tau: Temperature = 4.0,
        warm_up: WarmUp = 0,
        standardised: Annotated[bool, "both networks' logits get mean 0 and standard deviation 1 first"] = False,
        facts: Facts | None = None,
    ) -> None:
        if warm_up and facts is None:
            raise Mistake(f"criterion.warm_up is {warm_up}, counted in epochs; pass facts=Facts(...), or choose 0")
        self.alpha, self.beta, self.tau = alpha, beta, tau
        self.warm_up, self.standardised = warm_up, standardised
        self.clock = facts.clock if warm_up and facts is not None else None

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        prepared = standardised if self.standardised else precise
        mine, theirs, target = prepared(student.logits), prepared(teacher.logits), dominant(batch.targets)
        of_target = self.tau**2 * apart(*(target_or_not(one / self.tau, target) for one in (mine, theirs)))
        loss = self.alpha * of_target + self.beta * divergence(others(mine, target), others(theirs, target), self.tau)
        return loss if self.clock is None else loss * ((self.clock.epoch + 1) / self.warm_up).clamp(max=1)


def target_or_not(logits: Tensor, target: Tensor) -> Tensor:
    """[N, 2], the log-probability of the target class and that of all others together."""
    logs = F.log_softmax(logits, dim=1)
    return torch.cat([logs.gather(1, target), others(logs, target).logsumexp(dim=1, keepdim=True)], dim=1)
