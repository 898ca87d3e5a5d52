"""What every distiller is: networks, a sampler and an objective, and a batch in, named loss terms out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

from torch import Tensor, nn

from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.scouting import scout
from unix_exp.types import Batch, Sampler, Terms


class Distiller(nn.Module):
    """Knows no optimiser, device, log or file; what it shows to `student` and `teacher` is what gets counted."""

    needs_teacher: ClassVar[bool]

    student: nn.Module
    teacher: nn.Module | None
    sampler: Sampler
    criterion: Weighted

    scouting: Callable[[], AbstractContextManager[object]] = nullcontext  # the arithmetic of it, set by the step

    def scout(self, images: Tensor, mode: str) -> Tensor:
        with self.scouting():
            return scout(self.student, images, mode)

    def forward(self, batch: Batch) -> Terms:
        raise NotImplementedError
