"""How good a network is on the test set."""

from __future__ import annotations

import torch
from torch import nn

from unix_exp.runtime import Runtime
from unix_exp.types import Dataset, Watch


@torch.no_grad()
def evaluate(network: nn.Module, data: Dataset, batch_size: int, runtime: Runtime, watch: Watch) -> dict[str, float]:
    """Top-1 and top-5 in per cent; counted on the device and read once."""
    was_training = network.training
    network.eval()
    batch_size = max(batch_size, 250)  # nothing is stored for a backward pass, so a larger batch fits
    top1 = top5 = 0
    batches = -(-data.test_count // batch_size)
    for images, labels in watch(data.test_batches(batch_size), "test", batches):
        with runtime.autocast():
            logits = network(images).logits
        top = logits.topk(min(5, logits.shape[1]), dim=1).indices == labels[:, None]
        top1 = top1 + top[:, 0].sum()
        top5 = top5 + top.sum()
    network.train(was_training)
    return {"test/top1": 100 * float(top1) / data.test_count, "test/top5": 100 * float(top5) / data.test_count}
