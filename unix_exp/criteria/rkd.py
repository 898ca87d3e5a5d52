from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.embeddings import both, unit
from unix_exp.ranges import Weight
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("rkd")
class RKD:
    """Relational distillation: the embeddings of a batch form the same figure as the teacher's, of any size.

    w_distance times the smooth L1 difference of all distances, divided by their mean, plus w_angle times that of the
    cosines of the angles at every image between any two others (Park, Kim, Lu and Cho 2019, arXiv 1904.05068).
    """

    needs_teacher = True

    def __init__(
        self,
        w_distance: Annotated[Weight, "weight of the distances between two images"] = 25.0,
        w_angle: Annotated[Weight, "weight of the angles between three images"] = 50.0,
    ) -> None:
        self.w_distance, self.w_angle = w_distance, w_angle

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        # From one image to another [N, N, D]; by |a|^2 + |b|^2 - 2 ab, small distances would be lost in rounding.
        mine, theirs = (rows.unsqueeze(0) - rows.unsqueeze(1) for rows in both(student, teacher))
        of_distances = F.smooth_l1_loss(distances(mine), distances(theirs))
        of_angles = F.smooth_l1_loss(angles(mine), angles(theirs))
        return self.w_distance * of_distances + self.w_angle * of_angles


def distances(steps: Tensor) -> Tensor:
    """[N, N], in units of their mean over the pairs of different images; one image alone has none."""
    count = len(steps)
    itself = torch.eye(count, dtype=torch.bool, device=steps.device)
    apart = steps.square().sum(dim=2).clamp_min(1e-12).sqrt().masked_fill(itself, 0.0)
    mean = apart.sum() / max(count * (count - 1), 1)
    return apart / mean.clamp_min(1e-12)


def angles(steps: Tensor) -> Tensor:
    """[N, N, N], cosines: at the first image, between the second and the third."""
    directions = unit(steps)
    return directions @ directions.transpose(1, 2)
