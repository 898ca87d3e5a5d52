from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from torch import Tensor

from unix_exp.criteria.logits import precise
from unix_exp.ranges import Range
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("ce")
class CE:
    """Cross entropy with the labels; a mixed image's label is mixed like the image."""

    needs_teacher = False
    plain_supervision = True  # so the names of methods without a teacher leave it out

    def __init__(
        self,
        smoothing: Annotated[
            float, Range(0, 1, below=True), "the part of a label that is spread over all classes"
        ] = 0.0,
    ) -> None:
        self.smoothing = float(smoothing)

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        return F.cross_entropy(precise(student.logits), batch.targets, reduction="none", label_smoothing=self.smoothing)
