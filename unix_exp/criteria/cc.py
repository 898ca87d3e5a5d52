from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from unix_exp.criteria.embeddings import both, heads, unit
from unix_exp.ranges import Range
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Mistake, Output


@criteria.register("cc")
class CC(nn.Module):
    """Correlation congruence: the images of a batch are alike among themselves as they are to the teacher.

    ||K_S - K_T|| / N^2 of the Gram matrices K [N, N] of unit embeddings, for the kernel exp(-kernel_gamma |a - b|^2)
    expanded in powers of ab up to max_p (Peng et al. 2019, arXiv 1904.01802). With form="batch_order", the loss of the
    authors' code: what student and teacher differ by in an image, times that of the next one in the batch.
    """

    needs_teacher = True

    def __init__(
        self,
        kernel_gamma: Annotated[
            float, Range(0, 100), "how fast the kernel falls with the distance of two embeddings"
        ] = 0.4,
        max_p: Annotated[int, Range(1, 100), "the highest power of the kernel's expansion"] = 2,
        form: Annotated[
            Literal["kernel", "batch_order"], "the loss of the paper, or that of the authors' code"
        ] = "kernel",
        feat_dim: Annotated[
            int, Range(0, 100_000), "width of a trained layer behind either network; 0: the embeddings are compared"
        ] = 0,
        facts: Facts | None = None,
    ) -> None:
        super().__init__()
        self.kernel_gamma, self.max_p, self.form = kernel_gamma, max_p, form
        if feat_dim and facts is None:
            raise Mistake(f"criterion.feat_dim is {feat_dim}, of layers that have to know the networks; pass facts")
        self.heads = nn.ModuleList(heads("cc", facts, feat_dim) if feat_dim and facts is not None else ())

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        mine, theirs = both(student, teacher)
        if self.heads:
            mine, theirs = (head(rows) for head, rows in zip(self.heads, (mine, theirs), strict=True))
        if self.form == "batch_order":
            return in_batch_order(mine, theirs)
        apart = self.alike(on_sphere(mine)) - self.alike(on_sphere(theirs))
        loss: Tensor = vector_norm(apart) / len(mine) ** 2
        return loss

    def alike(self, embedding: Tensor) -> Tensor:
        """[N, N]: exp(-2 gamma) times the sum of (2 gamma ab)^p / p!, because |a - b|^2 = 2 - 2 ab."""
        exponent = 2 * self.kernel_gamma * (embedding @ embedding.T)
        term = total = torch.ones_like(exponent)
        for power in range(1, self.max_p + 1):
            term = term * exponent / power
            total = total + term
        return math.exp(-2 * self.kernel_gamma) * total


def on_sphere(embedding: Tensor) -> Tensor:
    """Rows of length 1. Those of a network that makes them so itself are taken as they are, as the reference does."""
    length = vector_norm(embedding.detach(), dim=1, keepdim=True)
    return torch.where((length - 1).abs() < 1e-6, embedding, unit(embedding))


def in_batch_order(student: Tensor, teacher: Tensor) -> Tensor:
    if student.shape != teacher.shape:
        raise Mistake(
            f"criterion 'cc' in batch order subtracts embeddings, but the student's has {student.shape[1]} dimensions "
            f"and the teacher's {teacher.shape[1]}; choose criterion.cc.feat_dim, such as 128, the width of a layer "
            "behind both"
        )
    apart = (student - teacher).abs()
    return (apart[:-1] * apart[1:]).sum() / max(len(apart) - 1, 1)  # 0 for one image alone
