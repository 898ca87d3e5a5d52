"""What criteria on embeddings share."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.linalg import vector_norm

from unix_exp.criteria.logits import precise
from unix_exp.criteria.maps import shapes_of
from unix_exp.types import Facts, Output


def both(student: Output, teacher: Output) -> tuple[Tensor, Tensor]:
    """The embeddings [N, D], in float32 whatever the networks' precision."""
    return precise(student.embedding), precise(teacher.embedding)


def unit(rows: Tensor, eps: float = 0.0) -> Tensor:
    """rows / (length + eps) along the last dimension; a row without length becomes zeros, and has the gradient 0."""
    length = vector_norm(rows, dim=-1, keepdim=True)
    there = length > 1e-12
    return torch.where(there, rows / torch.where(there, length + eps, 1.0), 0.0)


def heads(name: str, facts: Facts, width: int) -> tuple[nn.Linear, nn.Linear]:
    """A linear layer for the student's embedding and one for the teacher's, both trained, to one width."""
    mine, theirs = (nn.Linear(output.embedding.shape[1], width) for output in shapes_of(name, facts))
    return mine, theirs
