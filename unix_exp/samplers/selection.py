"""Keeping a part of a batch, or of an epoch's images."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from unix_exp.ranges import Range
from unix_exp.types import Batch, Facts, Mistake

Part: TypeAlias = Annotated[float, Range(0, 1, above=True), "the share of the training images to train on"]
Kept: TypeAlias = Annotated[int | None, "how many images of a batch are kept; null: three quarters of them"]


def how_many(k: int | None, batch_size: int) -> int:
    """How many images of a batch to keep: k, or three quarters of the batch where k is None, as in the paper."""
    if k is None:
        return max(1, 3 * batch_size // 4)
    if not 1 <= k <= batch_size:
        raise Mistake(f"sampler.k is {k}; choose 1 to {batch_size}, the batch size")
    return k


def take(batch: Batch, rows: Tensor) -> Batch:
    """The batch's rows in this order; an image keeps its weight and the teacher's answer to it."""
    weight = None if batch.weight is None else batch.weight[rows]
    answers = None if batch.answers is None else tree_map_only(Tensor, lambda one: one[rows], batch.answers)
    return Batch(batch.images[rows], batch.targets[rows], batch.index[rows], weight, answers)


def shuffled(batch: Batch) -> Tensor:
    """A random order of the rows, drawn on the device; ranked noise works on every backend, randperm does not."""
    return torch.rand(batch.index.shape[0], device=batch.index.device).argsort()


def highest(batch: Batch, score: Tensor, k: int | None) -> Batch:
    """The k images of a batch with the highest scores, the highest first."""
    return take(batch, score.argsort(descending=True)[: how_many(k, batch.images.shape[0])])


def part_of(facts: Facts, share: float) -> int:
    """How many images a share of the training set is, at least one batch."""
    return min(facts.train_count, max(facts.batch, int(share * facts.train_count + 1e-6)))
