from __future__ import annotations

from typing import Annotated

from torch import Tensor, nn

from unix_exp.criteria.maps import last_stages, same_size, squared
from unix_exp.ranges import Count
from unix_exp.registry import criteria
from unix_exp.types import Batch, Mistake, Output


@criteria.register("simkd")
class SimKD:
    """Match the teacher's last maps with a student that uses the teacher's own classifier.

    The student is larger by a projector, which brings its last maps to the teacher's width, and a copy of the teacher's
    classifier, which stays as it is; both are part of it when it is used. The projector is 1x1, 3x3 and 1x1
    convolutions, each with batch norm and ReLU, and 1 / factor of the teacher's width within; the larger maps are
    averaged to the size of the smaller (Chen, Mei, Zhang, Wang, Feng and Chen 2022, arXiv 2203.14001).
    """

    needs_teacher = True

    def __init__(
        self, factor: Annotated[Count, "how many times narrower than the teacher's maps the projector is within"] = 2
    ) -> None:
        self.factor = factor

    def projector(self, entering: int, leaving: int) -> nn.Sequential:
        """Of maps as wide as the student's last to maps as wide as the teacher's."""
        if self.factor > leaving:
            raise Mistake(f"criterion.simkd.factor is {self.factor}, above the width of the teacher's maps, {leaving}")
        within = leaving // self.factor
        return nn.Sequential(*layer(entering, within, 1), *layer(within, within, 3), *layer(within, leaving, 1))

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        ours, theirs = same_size(*last_stages("simkd", student, teacher))
        if ours.shape[1] != theirs.shape[1]:
            raise Mistake(
                f"criterion 'simkd' compares maps of one width, but the student's last are {ours.shape[1]} wide and "
                f"the teacher's {theirs.shape[1]}; give it a student that has its projector"
            )
        return squared(ours, theirs)


def layer(entering: int, leaving: int, kernel: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(entering, leaving, kernel, padding=kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(leaving), nn.ReLU()
