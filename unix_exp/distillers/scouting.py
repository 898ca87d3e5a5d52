"""A look at a batch without gradient, before it is trained on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from unix_exp.types import Output


def scout(network: nn.Module, images: Tensor, mode: str) -> Output:
    """What a network says, without gradient; what batch norm does meanwhile changes results, so it is a choice.

    train   as the reference code: running statistics move here too, and end as half clean, half mixed images'
    frozen  the batch's own statistics, running ones untouched
    eval    the running statistics, untouched
    as it is  whatever mode the network is in: a frozen one is always in eval mode
    """
    with torch.no_grad(), batch_norms_set(network, mode):
        output: Output = network(images)
    return output


@contextmanager
def batch_norms_set(network: nn.Module, mode: str) -> Iterator[None]:
    if mode in ("train", "as it is"):
        yield
        return
    if mode == "eval":
        network.eval()
        try:
            yield
        finally:
            network.train()
        return
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
