from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from unix_exp.registry import criteria
from unix_exp.types import Batch, Mistake, Output


@criteria.register("sp")
class SP:
    """Match the teacher's similarities between images of a batch, at the last stage.

    (Tung and Mori 2019, arXiv 1907.09682)
    """

    needs_teacher = True

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        if not student.stages or not teacher.stages:
            raise Mistake("criterion 'sp' compares the last stages, but one of the networks has none; set its taps")
        return similarity_distance(student.stages[-1], teacher.stages[-1])


def similarity_distance(student: Tensor, teacher: Tensor) -> Tensor:
    return (similarities(student) - similarities(teacher)).square().mean()


def similarities(feature: Tensor) -> Tensor:
    """Every image against every other [N, N], each row a unit vector."""
    flat = feature.float().flatten(1)
    return F.normalize(flat @ flat.T)
