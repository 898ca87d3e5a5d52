from __future__ import annotations

import math
from typing import Annotated, TypeAlias

import torch
from torch import Tensor, nn

from unix_exp.criteria.logits import Temperature, divergence
from unix_exp.ranges import Number, Range
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Mistake, Output

Reversal: TypeAlias = Annotated[float, Range(-1000, 0)]


@criteria.register("ctkd")
class CTKD(nn.Module):
    """Distillation at a temperature that is learned against the student: it moves to where the loss is larger.

    T = t_start + t_end sigmoid(raw), one for all images. The optimiser trains raw with a gradient multiplied by lambda,
    which goes on half a cosine from lambda_max to lambda_min, 0 to -1, in the first `loops` epochs; with 0 it is
    lambda_min from the beginning (Li et al. 2023, arXiv 2211.16231).
    """

    needs_teacher = True

    def __init__(
        self,
        t_start: Annotated[Temperature, "the lowest temperature"] = 1.0,
        t_end: Annotated[Temperature, "how far the temperature can rise above the lowest"] = 20.0,
        lambda_max: Annotated[Reversal, "what the temperature's gradient is multiplied by in the first epoch"] = 0.0,
        lambda_min: Annotated[Reversal, "what it is multiplied by after the first `loops` epochs"] = -1.0,
        loops: Annotated[
            Number, "in how many epochs it goes from the one to the other; 0: the last from the beginning"
        ] = 10,
        facts: Facts | None = None,
    ) -> None:
        if loops and facts is None:
            raise Mistake(f"criterion.loops is {loops}, counted in epochs; pass facts=Facts(...), or choose 0")
        super().__init__()
        self.t_start, self.t_end = t_start, t_end
        self.lambda_max, self.lambda_min, self.loops = lambda_max, lambda_min, loops
        self.clock = facts.clock if loops and facts is not None else None
        self.raw = nn.Parameter(torch.ones(()))  # as in the authors' code: T begins at 15.6

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        held = self.raw.detach()
        turned = held + self.factor() * (self.raw - held)  # the same number, another gradient
        tau = self.t_start + self.t_end * torch.sigmoid(turned)
        return divergence(student.logits, teacher.logits, tau)

    def factor(self) -> float | Tensor:
        """The present lambda."""
        if self.clock is None:
            return self.lambda_min
        past = ((self.clock.epoch + 1) / self.loops).clamp(max=1)
        return self.lambda_min + (self.lambda_max - self.lambda_min) * (1 + torch.cos(math.pi * past)) / 2
