from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from unix_exp.criteria.maps import as_maps, same_size, shapes_of, squared, summed
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Mistake, Output


@criteria.register("fsp")
class FSP(nn.Module):
    """Match how the teacher's maps change from one stage to the next: the flow of solution procedure.

    The products of every channel of a stage, the stem first, with every channel of the next, averaged over positions;
    their mean squared difference, summed over neighbours (Yim, Joo, Bae and Kim 2017). A student's maps of another
    width than the teacher's are brought to it by 1x1 convolutions.
    """

    needs_teacher = True

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.adapters = nn.ModuleList(adapter(*maps) for maps in maps_of(*shapes_of("fsp", facts)))

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        pairs = zip(self.adapters, maps_of(student, teacher), strict=True)
        ours, theirs = zip(*((adapter(mine), maps) for adapter, (mine, maps) in pairs), strict=True)
        flows = [[flow(*neighbours) for neighbours in pairwise(maps)] for maps in (ours, theirs)]
        return summed(squared(*one) for one in zip(*flows, strict=True))


def maps_of(student: Output, teacher: Output) -> list[tuple[Tensor, Tensor]]:
    """Stem and stages of both."""
    if len(student.features) < 3 or len(student.features) != len(teacher.features):
        raise Mistake(
            f"criterion 'fsp' compares neighbouring stages, but the student shows {len(student.stages)} beside its "
            f"stem and the teacher {len(teacher.stages)}; choose another pair, or taps that match"
        )
    return [as_maps("fsp", *maps) for maps in zip(student.features[:-1], teacher.features[:-1], strict=True)]


def adapter(student: Tensor, teacher: Tensor) -> nn.Module:
    entering, leaving = student.shape[1], teacher.shape[1]
    return nn.Identity() if entering == leaving else nn.Conv2d(entering, leaving, 1, bias=False)


def flow(earlier: Tensor, later: Tensor) -> Tensor:
    """[N, C, D], the mean over positions of the product of every two channels, at the size of the smaller maps."""
    one, other = (maps.flatten(2) for maps in same_size(earlier, later))
    return one @ other.transpose(1, 2) / one.shape[2]
