from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from unix_exp.registry import criteria
from unix_exp.types import Batch, Mistake, Output


@criteria.register("at")
class AT:
    """Match the teacher's attention maps of every stage (Zagoruyko and Komodakis 2017, arXiv 1612.03928)."""

    needs_teacher = True

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        if not student.stages or len(student.stages) != len(teacher.stages):
            raise Mistake(
                f"criterion 'at' compares stage by stage, but the student shows {len(student.stages)} stages "
                f"and the teacher {len(teacher.stages)}; choose another pair, or taps that match"
            )
        terms = [attention_distance(*stage) for stage in zip(student.stages, teacher.stages, strict=True)]
        return sum(terms[1:], terms[0])


def attention_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """[N], how differently the two distribute their attention over one stage."""
    if student.dim() != 4 or teacher.dim() != 4:
        raise Mistake("criterion 'at' needs feature maps [N, D, H, W]; tap convolutional stages")
    side = min(student.shape[-1], teacher.shape[-1])
    return (attention(student, side) - attention(teacher, side)).square().mean(dim=1)


def attention(feature: Tensor, side: int) -> Tensor:
    """Where a stage is active: squared activations averaged over channels, as a unit vector over positions."""
    feature = F.adaptive_avg_pool2d(feature.float(), side)
    return F.normalize(feature.square().mean(dim=1).flatten(1))
