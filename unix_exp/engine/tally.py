from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from unix_exp.types import Batch, Losses


class Tally(nn.Module):
    """Which training images were trained on, and the latest values of each: on the device, changed in place."""

    draws: Tensor  # [M] of each training image in this epoch
    labels: Tensor  # [M] their classes, from the unmixed batches

    def __init__(self, train_count: int, per_image: Iterable[str] = ()) -> None:
        super().__init__()
        for name in ("draws", "labels"):
            self.register_buffer(name, torch.zeros(train_count, dtype=torch.int64), persistent=False)
        for name in per_image:
            self.register_buffer(f"latest_{name}", torch.full((train_count,), torch.nan))  # kept in the checkpoint

    def forward(self, batch: Batch, losses: Losses) -> None:
        self.labels.index_copy_(0, batch.index, batch.targets.argmax(dim=1))
        self.draws.index_add_(0, losses.index, torch.ones_like(losses.index))
        for name, values in losses.per_image.items():
            self.get_buffer(f"latest_{name}").index_copy_(0, losses.index, values.float())

    def values(self) -> dict[str, Tensor]:
        """By name, the latest value of every training image; NaN where there was none."""
        return {name.removeprefix("latest_"): value for name, value in self.state_dict().items()}
