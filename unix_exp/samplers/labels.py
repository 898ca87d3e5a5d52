"""How well a network knows the label of each image."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from unix_exp.types import Batch, Output


def loss_with_labels(output: Output, batch: Batch) -> Tensor:
    """[N], the cross entropy with the labels, in float32; without the weights that images may have."""
    return F.cross_entropy(output.logits.float(), batch.targets.float(), reduction="none")
