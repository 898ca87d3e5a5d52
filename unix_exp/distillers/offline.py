from __future__ import annotations

import torch
from torch import nn

from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Distiller
from unix_exp.registry import distillers
from unix_exp.types import Batch, Sampler, Terms


@distillers.register("offline")
class Offline(Distiller):
    """Learn from a teacher that no longer changes, on what the sampler makes of each batch."""

    needs_teacher = True
    teacher: nn.Module

    def __init__(self, student: nn.Module, teacher: nn.Module, sampler: Sampler, criterion: Weighted) -> None:
        super().__init__()
        self.student = student
        self.teacher = teacher.requires_grad_(False)
        self.sampler = sampler
        self.criterion = criterion
        self.train()

    def train(self, mode: bool = True) -> Offline:
        super().train(mode)
        self.teacher.eval()  # train() would wake its batch norm
        return self

    def forward(self, batch: Batch) -> Terms:
        batch = self.sampler(batch, self.scout)
        with torch.no_grad():
            teacher = self.teacher(batch.images)
        return self.criterion(self.student(batch.images), teacher, batch)
