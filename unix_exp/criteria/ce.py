from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.registry import criteria
from unix_exp.types import Batch, Mistake, Output


@criteria.register("ce")
class CE:
    """Cross entropy with the labels; a mixed image's label is mixed like the image."""

    needs_teacher = False
    plain_supervision = True  # so the names of methods without a teacher leave it out

    def __init__(self, smoothing: float = 0.0) -> None:
        if not 0 <= smoothing < 1:
            raise Mistake(f"criterion.ce.smoothing is {smoothing}; choose a number from 0 on, below 1")
        self.smoothing = float(smoothing)  # the part of a label that is spread over all classes

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        logits = student.logits.to(torch.promote_types(student.logits.dtype, torch.float32))
        return F.cross_entropy(logits, batch.targets, reduction="none", label_smoothing=self.smoothing)
