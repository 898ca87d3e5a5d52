from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("ce")
class CE:
    """Cross entropy with the labels; a mixed image's label is mixed like the image."""

    needs_teacher = False
    plain_supervision = True  # so the names of methods without a teacher leave it out

    def __call__(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        return F.cross_entropy(student.logits.float(), batch.targets, reduction="none")
