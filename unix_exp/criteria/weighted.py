"""Several criteria as one objective."""

from __future__ import annotations

from collections.abc import Mapping

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
        return {name: weight * self.criteria[name](student, teacher, batch) for name, weight in self.weights.items()}
