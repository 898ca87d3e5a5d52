from __future__ import annotations

import torch
from torch import Tensor, nn


class Clock(nn.Module):
    """The epoch as a tensor written in place: a warm-up that reads it stays right in a compiled or recorded step."""

    epoch: Tensor  # scalar float, counted from 0

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("epoch", torch.zeros(()), persistent=False)  # the training sets it before every epoch

    def set(self, epoch: int) -> None:
        self.epoch.fill_(epoch)
