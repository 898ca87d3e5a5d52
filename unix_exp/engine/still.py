"""Batch norms that keep the statistics they came with while their network is trained."""

from __future__ import annotations

from functools import cache
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


class Still(nn.Module):
    """Always in eval mode, whoever calls train(): a method, an evaluation that ends, a sampler that scouts."""

    def train(self, mode: bool = True) -> Any:
        return super().train(False)


@cache
def still(kind: Any) -> Any:
    """The same batch norm; weights, buffers and name stay."""
    return type(kind.__name__, (Still, kind), {})


def with_still_batch_norms(network: nn.Module) -> nn.Module:
    """The same network: it normalises by its running statistics and leaves them alone; scale and shift are trained."""
    for module in network.modules():
        if isinstance(module, _BatchNorm) and not isinstance(module, Still):
            kind: Any = type(module)
            module.__class__ = still(kind)
            module.eval()
    return network
