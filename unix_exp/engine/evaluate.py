"""How good a network is on the test set."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from unix_exp.engine.runtime import Runtime
from unix_exp.types import Dataset, Watch


class Evaluation(NamedTuple):
    """How good a network is on the test set, and where it puts each class."""

    top1: float  # per cent
    top5: float
    top1_by_class: list[float | None]  # None for a class without test images
    centres: Tensor  # [C, D], the mean embedding of each class's test images; NaN where there are none


@torch.no_grad()
def evaluate(network: nn.Module, data: Dataset, batch_size: int, runtime: Runtime, watch: Watch) -> Evaluation:
    """One pass over the test images; counted on the device and read once."""
    was_training = network.training
    network.eval()
    batch_size = max(batch_size, 250)  # nothing is stored for a backward pass, so a larger batch fits
    classes = len(data.classes)
    right, shown = torch.zeros(2, classes, dtype=torch.int64, device=runtime.place()).unbind()
    top5 = embeddings = 0
    batches = -(-data.test_count // batch_size)
    for images, labels in watch(data.test_batches(batch_size), "test", batches):
        with runtime.autocast():
            output = network(images)
        top = output.logits.topk(min(5, output.logits.shape[1]), dim=1).indices == labels[:, None]
        top5 = top5 + top.sum()
        right.index_add_(0, labels, top[:, 0].long())
        shown.index_add_(0, labels, torch.ones_like(labels))
        embedding = output.embedding.float()
        embeddings = embeddings + embedding.new_zeros(classes, embedding.shape[1]).index_add_(0, labels, embedding)
    network.train(was_training)

    rights, counts = torch.stack([right, shown]).tolist()
    return Evaluation(
        top1=100 * sum(rights) / data.test_count,
        top5=100 * float(top5) / data.test_count,
        top1_by_class=[100 * right / count if count else None for right, count in zip(rights, counts, strict=True)],
        centres=embeddings / shown[:, None],
    )
