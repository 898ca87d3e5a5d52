from __future__ import annotations

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.criteria.maps import same_size, shapes_of, stages_of, summed
from unix_exp.ranges import Range
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Output


@criteria.register("vid")
class VID(nn.Module):
    """Variational information distillation: predict the teacher's maps, and how well each channel is predicted.

    The negative log-likelihood of a normal distribution, without its constant, averaged over channels and positions
    and summed over stages; its mean is made of the student's maps, its variance is learned for each of the teacher's
    channels, from `init_pred_var` on (Ahn, Hu, Damianou, Lawrence and Dai 2019, arXiv 1904.05835).
    """

    needs_teacher = True

    def __init__(
        self,
        facts: Facts,
        init_pred_var: Annotated[float, Range(0.001, 1000), "the variance that every channel begins with"] = 5.0,
        eps: Annotated[float, Range(0, 0.001, above=True, below=True), "the smallest variance of a channel"] = 1e-5,
    ) -> None:
        super().__init__()
        stages = stages_of("vid", *shapes_of("vid", facts))
        self.eps = eps
        self.regressors = nn.ModuleList(regressor(ours.shape[1], theirs.shape[1]) for ours, theirs in stages)
        first = init_pred_var - eps
        before = first + math.log(-math.expm1(-first))  # whose softplus is `first`
        self.log_scales = nn.ParameterList(torch.full((theirs.shape[1],), before) for _, theirs in stages)

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        pairs = [same_size(*stage) for stage in stages_of("vid", student, teacher)]
        of_stages = zip(self.regressors, self.log_scales, pairs, strict=True)
        return summed(self.likelihood(one(ours), theirs, scale) for one, scale, (ours, theirs) in of_stages)

    def likelihood(self, predicted: Tensor, theirs: Tensor, log_scale: Tensor) -> Tensor:
        """[N], the negative logarithm."""
        variance = (F.softplus(log_scale) + self.eps).view(1, -1, 1, 1)
        return (((predicted - theirs).square() / variance + variance.log()) / 2).flatten(1).mean(dim=1)


def regressor(entering: int, leaving: int) -> nn.Sequential:
    def convolution(wide: int) -> nn.Conv2d:
        return nn.Conv2d(wide, leaving, 1, bias=False)

    return nn.Sequential(convolution(entering), nn.ReLU(), convolution(leaving), nn.ReLU(), convolution(leaving))
