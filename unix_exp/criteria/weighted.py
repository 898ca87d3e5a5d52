"""Several criteria as one objective."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from unix_exp.types import Batch, Criterion, Output, Terms


class Weighted(nn.Module):
    """A weighted sum of criteria that keeps its terms apart, so that a log can show each."""

    def __init__(self, criteria: Mapping[str, Criterion], weights: Mapping[str, float]) -> None:
        super().__init__()
        # A criterion with weights of its own is a module: kept as a child, the optimiser finds it.
        self.modules_by_name = nn.ModuleDict({n: c for n, c in criteria.items() if isinstance(c, nn.Module)})
        self.criteria = dict(criteria)
        self.weights = dict(weights)

    @property
    def needs_teacher(self) -> bool:
        return any(getattr(criterion, "needs_teacher", True) for criterion in self.criteria.values())

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Terms:
        # Losses are float32 whatever the networks' precision: autocast would take SP's products back to bf16.
        with torch.autocast("cuda" if student.logits.is_cuda else "cpu", enabled=False):
            values = {name: criterion(student, teacher, batch) for name, criterion in self.criteria.items()}
        return {name: weight * values[name] for name, weight in self.weights.items()}
