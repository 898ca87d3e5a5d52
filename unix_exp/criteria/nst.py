from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.maps import same_size, stages_of, summed
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("nst")
class NST:
    """Match where the teacher's channels are active, whatever their number and order: neuron selectivity transfer.

    The squared maximum mean discrepancy between the channels of the two, each a unit vector over positions, with the
    kernel (a b)^2; summed over stages (Huang and Wang 2017, arXiv 1707.01219).
    """

    needs_teacher = True

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        return summed(discrepancy(*same_size(*stage)) for stage in stages_of("nst", student, teacher))


def discrepancy(student: Tensor, teacher: Tensor) -> Tensor:
    """[N], the mean kernel among the teacher's channels and among the student's, less twice that between the two."""
    ours, theirs = (F.normalize(maps.flatten(2), dim=2) for maps in (student, teacher))
    (few, positions), many = ours.shape[1:], theirs.shape[1]
    if positions * (few + many) < few**2 + many**2 + few * many:
        # The same number from products of positions: fewer operations, and no difference of large numbers.
        return (among_positions(ours) - among_positions(theirs)).square().sum(dim=(1, 2))
    return kernel(theirs, theirs) + kernel(ours, ours) - 2 * kernel(ours, theirs)


def among_positions(channels: Tensor) -> Tensor:
    """[N, HW, HW], the mean over channels of the product of every two positions."""
    return channels.transpose(1, 2) @ channels / channels.shape[1]


def kernel(one: Tensor, other: Tensor) -> Tensor:
    """[N], the mean of (a b)^2 over the pairs of channels."""
    return (one @ other.transpose(1, 2)).square().mean(dim=(1, 2))
