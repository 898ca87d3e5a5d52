"""A network's output of a batch without gradient, before the batch is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import torch
from torch import Tensor, nn

from unix_exp.types import Output

Passes: TypeAlias = "Callable[[nn.Module, Tensor], Output]"  # how a network is run on a batch


def undivided(network: nn.Module, images: Tensor) -> Output:
    output: Output = network(images)
    return output


def scout(network: nn.Module, images: Tensor, mode: str, passes: Passes = undivided) -> Output:
    """A network's output, without gradient. What batch norm does meanwhile changes results, so `mode` is a setting.

    train   as in the reference code: running statistics are updated here too, from clean as well as from mixed images
    frozen  the batch's own statistics; running statistics are not updated
    eval    the running statistics, which are not updated
    as it is  the mode that the network is in; frozen networks are always in eval mode
    """
    with torch.no_grad(), batch_norms_set(network, mode):
        return passes(network, images)


@contextmanager
def batch_norms_set(network: nn.Module, mode: str) -> Iterator[None]:
    if mode in ("train", "as it is"):
        yield
        return
    if mode == "eval":
        was_training = network.training
        network.eval()
        try:
            yield
        finally:
            network.train(was_training)
        return
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
