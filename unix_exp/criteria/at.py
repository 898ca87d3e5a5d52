from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.maps import same_size, squared, stages_of, summed
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("at")
class AT:
    """Match the teacher's attention maps of every stage (Zagoruyko and Komodakis 2017, arXiv 1612.03928)."""

    needs_teacher = True

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        return summed(attention_distance(*stage) for stage in stages_of("at", student, teacher))


def attention_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """[N], how differently the two distribute their attention over one stage."""
    return squared(*map(attention, same_size(student, teacher)))


def attention(maps: Tensor) -> Tensor:
    """Where a stage is active: squared activations averaged over channels, as a unit vector over positions."""
    return F.normalize(maps.square().mean(dim=1).flatten(1))
