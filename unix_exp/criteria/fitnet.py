from __future__ import annotations

from typing import Annotated

from torch import Tensor, nn

from unix_exp.criteria.maps import as_maps, shapes_of, squared
from unix_exp.ranges import Count
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Mistake, Output


@criteria.register("fitnet")
class FitNet(nn.Module):
    """Match the teacher's maps of one stage, its hint (Romero et al. 2015, arXiv 1412.6550).

    A regressor brings the student's maps to the teacher's width and size: a convolution with batch norm and ReLU. With
    `regressor=false` the maps are compared as they are. `stage` counts from 1.
    """

    needs_teacher = True

    def __init__(
        self,
        facts: Facts,
        stage: Annotated[Count, "which stage's maps are compared, counted from 1"] = 2,
        regressor: Annotated[
            bool,
            "a trained convolution brings the student's maps to the teacher's width; false: compared as they are",
        ] = True,
    ) -> None:
        super().__init__()
        self.stage = stage
        ours, theirs = self.hint(*shapes_of("fitnet", facts))
        if not regressor and ours.shape[1:] != theirs.shape[1:]:
            shapes = f"{list(ours.shape[1:])} of the student and {list(theirs.shape[1:])} of the teacher"
            raise Mistake(f"criterion.fitnet.regressor is false, but the maps differ: {shapes}; choose true")
        self.regressor = regressor_of(ours, theirs) if regressor else nn.Identity()

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        ours, theirs = self.hint(student, teacher)
        return squared(self.regressor(ours), theirs)

    def hint(self, student: Output, teacher: Output) -> tuple[Tensor, Tensor]:
        for who, stages in (("student", student.stages), ("teacher", teacher.stages)):
            if len(stages) < self.stage:
                raise Mistake(f"criterion.fitnet.stage is {self.stage}, but the {who} shows {len(stages)}; choose less")
        return as_maps("fitnet", student.stages[self.stage - 1], teacher.stages[self.stage - 1])


def regressor_of(student: Tensor, teacher: Tensor) -> nn.Module:
    """1x1, or wider where the student's maps are the larger: stride 2 at twice the size, else all that is too much."""
    (entering, side), (leaving, wanted) = ((maps.shape[1], maps.shape[-1]) for maps in (student, teacher))
    convolution: nn.Module
    if side == 2 * wanted:
        convolution = nn.Conv2d(entering, leaving, 3, stride=2, padding=1)
    elif 2 * side == wanted:
        convolution = nn.ConvTranspose2d(entering, leaving, 4, stride=2, padding=1)
    elif side >= wanted:
        convolution = nn.Conv2d(entering, leaving, 1 + side - wanted)
    else:
        raise Mistake(
            f"criterion 'fitnet' can double the student's maps, but they are {side} wide and the teacher's {wanted}; "
            "choose another criterion.fitnet.stage, or another pair"
        )
    return nn.Sequential(convolution, nn.BatchNorm2d(leaving), nn.ReLU())
