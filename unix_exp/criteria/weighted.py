"""Several criteria as one objective."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from unix_exp.types import Batch, Classify, Criterion, Mistake, Output, Terms


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

    def give_classifier(self, classify: Classify) -> None:
        """A frozen teacher's, to the criteria that ask for it; it is no part of their state."""
        for criterion in self.criteria.values():
            if hasattr(criterion, "teacher_classifier"):
                setattr(criterion, "teacher_classifier", classify)  # noqa: B010

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Terms:
        # Losses are float32 whatever the networks' precision: autocast would take SP's products back to bf16.
        with torch.autocast("cuda" if student.logits.is_cuda else "cpu", enabled=False):
            return {
                name: weight * mean_over_images(name, self.value(self.criteria[name], student, teacher, batch), batch)
                for name, weight in self.weights.items()
            }

    @staticmethod
    def value(criterion: Criterion, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        if isinstance(criterion, nn.Module):  # without autocast its float32 adapters would refuse bf16 features
            student, teacher = in_float32(student), None if teacher is None else in_float32(teacher)
        value: Tensor = criterion(student, teacher, batch)
        return value


def in_float32(output: Output) -> Output:
    converted: Output = tree_map_only(Tensor, Tensor.float, output)  # what is not stored of an answer stays unread
    return converted


def mean_over_images(name: str, loss: Tensor, batch: Batch) -> Tensor:
    """A criterion's value as a scalar, each image counted with the weight that the sampler gave it."""
    if loss.dim() == 1:
        return loss.mean() if batch.weight is None else (loss * batch.weight).mean()
    if loss.dim() > 1:
        raise Mistake(f"criterion '{name}' returns {list(loss.shape)}; it must return one loss per image or a scalar")
    if batch.weight is not None:
        raise Mistake(
            f"criterion '{name}' compares images with each other, so it cannot use the weights that the sampler "
            "gives to images; choose another sampler, or leave this criterion out"
        )
    return loss


class Scalar(nn.Module):
    """One criterion as a scalar loss, for a training loop of your own."""

    def __init__(self, name: str, criterion: Criterion) -> None:
        super().__init__()
        self.name, self.criterion = name, criterion  # assigned, a module becomes a child

    def forward(self, student: Output, teacher: Output | None, batch: Batch) -> Tensor:
        return mean_over_images(self.name, self.criterion(student, teacher, batch), batch)
