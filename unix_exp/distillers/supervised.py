from __future__ import annotations

from torch import nn

from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Distiller
from unix_exp.registry import distillers
from unix_exp.types import Batch, Mistake, Sampler, Terms


@distillers.register("supervised")
class Supervised(Distiller):
    """Learn from the labels alone: how teachers are made, and students from scratch."""

    needs_teacher = False

    def __init__(self, student: nn.Module, sampler: Sampler, criterion: Weighted) -> None:
        super().__init__()
        if criterion.needs_teacher:
            raise Mistake("distiller 'supervised' has no teacher to compare with; choose criterion=ce")
        self.student = student
        self.teacher = None
        self.sampler = sampler
        self.criterion = criterion
        self.train()

    def forward(self, batch: Batch) -> Terms:
        batch = self.sampler(batch, self.scout)
        return self.criterion(self.student(batch.images), None, batch)
