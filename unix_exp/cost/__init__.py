"""What training costs, counted and not declared: the only package that counts.

One step of the method runs without data on PyTorch's meta device, every operation that it executes is priced, and a new
method is priced right without a line of its own. One FLOP is one multiply-add, as in fvcore and in the paper.
"""

from __future__ import annotations

import copy
import warnings

import torch
from torch import Tensor, nn


def gflops(network: nn.Module, size: int) -> float:
    """GFLOPs of one image, forward; on a copy, because counting in train mode moves batch-norm statistics."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's own deprecation, and its remarks on shapes in Python
        from fvcore.nn import FlopCountAnalysis

        shadow = LogitsOnly(copy.deepcopy(network).to_empty(device="cpu")).eval()  # the tracer can't follow meta
        counter = FlopCountAnalysis(shadow, torch.zeros(1, 3, size, size))
        counter.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return counter.total() / 1e9


class LogitsOnly(nn.Module):
    """fvcore traces plain tensors."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images).logits
