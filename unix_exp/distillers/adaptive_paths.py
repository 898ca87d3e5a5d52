"""The paths of Adaptive Distillation: how a student's logits or maps are compared with the teacher's, [N] each.

They are the forms of its public code. The criteria of the same names are other papers' and have other values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.maps import same_size

EPSILON = 1e-6  # added to the norm of a map of attention


class Path(NamedTuple):
    """What is compared, and how."""

    distance: Callable[[Tensor, Tensor], Tensor]  # (student, teacher) -> [N]
    reads: Literal["logits", "maps", "adapted maps", "classified"]  # the last: the student's maps, by the teacher


def soft_target(student: Tensor, teacher: Tensor, tau: float = 4.0) -> Tensor:
    """tau^2 KL(teacher || student) of the softened predictions."""
    ours, theirs = (F.log_softmax(logits / tau, dim=1) for logits in (student, teacher))
    return tau**2 * F.kl_div(ours, theirs, reduction="none", log_target=True).sum(dim=1)


def squared(student: Tensor, teacher: Tensor) -> Tensor:
    """The mean squared difference of two vectors."""
    return (student - teacher).square().mean(dim=1)


def attention(student: Tensor, teacher: Tensor) -> Tensor:
    """Where a stage is active: squared activations, summed over channels, as a unit vector over positions."""
    maps = [maps.square().sum(dim=1).flatten(1) for maps in same_size(student, teacher)]
    ours, theirs = (one / (one.norm(dim=1, keepdim=True) + EPSILON) for one in maps)
    return squared(ours, theirs)


def channel_products(student: Tensor, teacher: Tensor) -> Tensor:
    """Which channels are active at the same positions: products of all pairs, each channel a unit vector first."""
    ours, theirs = (F.normalize(maps.flatten(2), dim=2) for maps in same_size(student, teacher))
    channels, positions = ours.shape[1:]
    if 3 * positions < 2 * channels:  # the same number from smaller products: 2048 channels at 4x4 positions
        distance = overlap(ours, ours) - 2 * overlap(ours, theirs) + overlap(theirs, theirs)
        return distance / channels**2
    return (ours @ ours.transpose(1, 2) - theirs @ theirs.transpose(1, 2)).square().mean(dim=(1, 2))


def overlap(one: Tensor, other: Tensor) -> Tensor:
    """[N], the sum of the entries' products of A A^T and B B^T, without making either."""
    return (one.transpose(1, 2) @ other).square().sum(dim=(1, 2))


def channel_means(student: Tensor, teacher: Tensor) -> Tensor:
    """How active each channel is on average over positions."""
    return squared(student.mean((2, 3)), teacher.mean((2, 3)))


PATHS = {
    "st": Path(soft_target, "logits"),
    "logits": Path(squared, "logits"),
    "at": Path(attention, "maps"),
    "nst": Path(channel_products, "adapted maps"),
    "fm": Path(channel_means, "adapted maps"),
    "srrl": Path(squared, "classified"),
}
