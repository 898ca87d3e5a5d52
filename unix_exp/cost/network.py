"""What one image costs in a network."""

from __future__ import annotations

import copy
from itertools import chain
from typing import Any

import torch
from torch import nn

from unix_exp.cost.on_meta import AtOnce
from unix_exp.cost.operations import Counted, Operations
from unix_exp.models.copied import copied
from unix_exp.models.early import EarlyExit
from unix_exp.models.smaller import is_asked_smaller

NETWORK = "network"


def macs_of(network: nn.Module, size: int) -> Counted:
    """The multiply-adds of one image's forward pass, in eval mode, on a copy that has no weights."""
    try:
        with AtOnce(), torch.device("meta"):  # the device for tensors that a network makes on its way
            return forward(without_weights(network), size, "meta")
    except Exception:  # a network may need values; a size that it can't take fails again
        return forward(on_cpu(copy.deepcopy(network)), size, "cpu")


def forward(network: nn.Module, size: int, device: str) -> Counted:
    images = torch.zeros(1, 3, size, size, device=device)
    with torch.random.fork_rng(devices=[]), torch.no_grad(), Operations({NETWORK: network.eval()}) as counted:
        network(images)
    return counted


def without_weights(network: nn.Module) -> nn.Module:
    """A copy on the meta device; no weight is copied on the way there."""
    there: dict[int, Any] = {}
    for one in chain(network.parameters(), network.buffers()):
        if one.layout is torch.strided:
            bare = torch.empty_strided(one.shape, one.stride(), dtype=one.dtype, device="meta")
        else:
            bare = one.detach().to("meta")
        there[id(one)] = nn.Parameter(bare, one.requires_grad) if isinstance(one, nn.Parameter) else bare
    return copied(network, there)


def on_cpu(network: nn.Module) -> nn.Module:
    """With weights, zeros where it has none yet."""
    network._apply(lambda one: torch.zeros_like(one, device="cpu") if one.is_meta else one.cpu())
    return network


def gflops(network: nn.Module, size: int) -> float:
    """GFLOPs of one image's forward pass."""
    return macs_of(network, size).total() / 1e9


def gflops_as_trained(network: nn.Module, size: int) -> float:
    """The same of the whole network on a whole image, where it is asked for less than that."""
    bare = without_weights(network.network if isinstance(network, EarlyExit) else network)
    if is_asked_smaller(bare):
        bare.shrink = None  # type: ignore[assignment]
    return gflops(bare, size)


def is_asked_for_less(network: nn.Module) -> bool:
    return isinstance(network, EarlyExit) or is_asked_smaller(network)
