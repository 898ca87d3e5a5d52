from __future__ import annotations

import torch
from torch import Tensor, nn


class Clock(nn.Module):
    """The epoch as a tensor that is changed in place, so that a compiled or recorded step reads the current one."""

    epoch: Tensor  # scalar float, counted from 0

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("epoch", torch.zeros(()), persistent=False)  # the training sets it before every epoch

    def set(self, epoch: int) -> None:
        self.epoch.fill_(epoch)
