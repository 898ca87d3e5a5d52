"""A criterion with adapters: match the teacher's stages, the student's brought to their width by 1x1 convolutions.

python -m unix_exp.train plugins=examples/matching.py 'criterion=[kd,matching]' criterion.matching.weight=10
"""

import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Output


@criteria.register("matching")
class Matching(nn.Module):
    """The mean squared distance to the teacher's feature maps, summed over stages."""

    needs_teacher = True

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        pairs = zip(facts.shapes["student"].stages, facts.shapes["teacher"].stages, strict=True)
        self.adapters = nn.ModuleList(nn.Conv2d(student.shape[1], teacher.shape[1], 1) for student, teacher in pairs)

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        stages = zip(self.adapters, student.stages, teacher.stages, strict=True)
        distances = [distance(adapter(mine), theirs) for adapter, mine, theirs in stages]
        return sum(distances[1:], distances[0])


def distance(student: Tensor, teacher: Tensor) -> Tensor:
    """[N], at the smaller side of the two."""
    side = min(student.shape[-1], teacher.shape[-1])
    pooled = [F.adaptive_avg_pool2d(maps, side) for maps in (student, teacher)]
    return (pooled[0] - pooled[1]).square().mean(dim=(1, 2, 3))
