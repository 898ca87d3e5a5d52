"""What an early exit answers by: the linear layer nearest to the whole network's answers, in squared error.

It is found in closed form from one look at some training images. No label is read, no rate or schedule chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from unix_exp.models.early import EarlyExit
from unix_exp.types import Dataset, Watch

IMAGES, SEED = 50_000, 0  # how many training images at most, in whole batches, and what draws them
BATCH = 64
RIDGE = 1e-6  # of the mean of the squared values: what is always zero, behind a ReLU, gets weights of zero


def batches(data: Dataset) -> int:
    batch = min(BATCH, data.train_count)
    return min(data.train_count, IMAGES) // batch


def shown(data: Dataset, watch: Watch) -> Iterator[Tensor]:
    """The same for every run on these images, whatever its batch and its seed."""
    found = islice(data.train_batches(min(BATCH, data.train_count), SEED), batches(data))
    return (one.images for one in watch(found, "fitting an early exit", batches(data)))


@torch.no_grad()
def fit(early: EarlyExit, images: Iterator[Tensor], layout: Callable[[Tensor], Tensor] = lambda images: images) -> None:
    """Give the exit its classifier; the whole network sees the images as the exit will, its own answers are the aim."""
    early.eval()
    layer = early.classifier
    width = layer.in_features + 1  # a one beside what is read, for the bias
    inner = torch.zeros(width, width, dtype=torch.float64, device=layer.weight.device)
    outer = inner.new_zeros(width, layer.out_features)
    for some in images:
        whole = early.network(layout(some))
        read = F.pad(early.read(whole.stages[early.stage - 1]).double(), (0, 1), value=1.0)
        inner += read.T @ read
        outer += read.T @ whole.logits.double()
    inner.diagonal().add_(RIDGE * inner.diagonal().mean())
    weights = torch.linalg.solve(inner, outer)
    layer.weight.copy_(weights[:-1].T)
    layer.bias.copy_(weights[-1])


def gflops_of_fit(early: EarlyExit, whole: float, data: Dataset) -> float:
    """What fitting takes: the whole network's look at every image, the products of what is read, one solution."""
    count = batches(data) * min(BATCH, data.train_count)
    read, classes = 1 + early.classifier.in_features, early.classifier.out_features
    return count * (whole + read * (read + classes) / 1e9) + read * read * (read / 3 + classes) / 1e9
