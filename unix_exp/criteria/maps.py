"""What criteria on feature maps share: which maps are compared, at which size, and what they are beside a teacher."""

from __future__ import annotations

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.logits import precise
from unix_exp.types import Facts, Mistake, Output

Pair = tuple[Tensor, Tensor]  # of the student and of the teacher


def shapes_of(name: str, facts: Facts) -> tuple[Output, Output]:
    """The outputs without values of student and teacher, which a criterion's own layers are sized by."""
    if "teacher" not in facts.shapes:
        raise Mistake(f"criterion '{name}' compares with a teacher and this method has none; choose criterion=ce")
    return facts.shapes["student"], facts.shapes["teacher"]


def stages_of(name: str, student: Output, teacher: Output) -> list[Pair]:
    """The two networks' maps, stage by stage."""
    if not student.stages or len(student.stages) != len(teacher.stages):
        raise Mistake(
            f"criterion '{name}' compares stage by stage, but the student shows {len(student.stages)} stages "
            f"and the teacher {len(teacher.stages)}; choose another pair, or taps that match"
        )
    return [as_maps(name, *stage) for stage in zip(student.stages, teacher.stages, strict=True)]


def last_stages(name: str, student: Output, teacher: Output) -> Pair:
    """The deepest maps of the two networks."""
    if not student.stages or not teacher.stages:
        raise Mistake(f"criterion '{name}' compares the last stages, but one of the networks has none; set its taps")
    return as_maps(name, student.stages[-1], teacher.stages[-1])


def as_maps(name: str, student: Tensor, teacher: Tensor) -> Pair:
    """Two maps in float32, whatever the networks' precision."""
    if student.dim() != 4 or teacher.dim() != 4:
        raise Mistake(f"criterion '{name}' needs feature maps [N, D, H, W]; tap convolutional stages")
    return precise(student), precise(teacher)


def same_size(student: Tensor, teacher: Tensor) -> Pair:
    """The larger of two maps averaged to the size of the smaller."""
    side = min(student.shape[-1], teacher.shape[-1])
    ours, theirs = (
        maps if maps.shape[-1] == side else F.adaptive_avg_pool2d(maps, side) for maps in (student, teacher)
    )
    return ours, theirs


def squared(student: Tensor, teacher: Tensor) -> Tensor:
    """[N], the mean squared difference of every image."""
    return (student - teacher).square().flatten(1).mean(dim=1)


def summed(losses: Iterable[Tensor]) -> Tensor:
    """The sum over stages of losses of every image."""
    first, *rest = losses
    return sum(rest, first)
