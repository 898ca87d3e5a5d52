from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.logits import Temperature, apart, divergence, dominant, others, precise, standardised
from unix_exp.ranges import Number, Weight
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Mistake, Output


@criteria.register("dkd")
class DKD:
    """Decoupled distillation: how sure of the target class, and how the other classes compare, weighed apart.

    tau^2 [alpha KL(target class or not) + beta KL(among the other classes)] (Zhao, Cui, Song, Qiu and Liang 2022,
    arXiv 2203.08679). The target of a mixed image is the class of its larger part. `warm_up`: the epochs in which the
    loss grows to its full size. `standardised`: the logits are standardised first (Sun et al. 2024).
    """

    needs_teacher = True

    def __init__(
        self,
        alpha: Weight = 1.0,
        beta: Weight = 8.0,
        tau: Temperature = 4.0,
        warm_up: Number = 0,
        standardised: bool = False,
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
