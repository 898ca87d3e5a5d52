"""Multiply-adds of convolutions and matrix products, counted from the functions that are called and their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
LINEAR = (F.linear,)
MATRIX_PRODUCTS = (
    torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.mm, Tensor.mm, torch.bmm, Tensor.bmm, torch.mv, Tensor.mv,
)  # fmt: skip


class Products(TorchFunctionMode):
    """Knows nothing of modules or of what PyTorch executes, so that it can be held against a count that does."""

    def __init__(self) -> None:
        super().__init__()
        self.macs = 0

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        answer = func(*args, **(kwargs or {}))
        self.macs += macs(func, args, kwargs or {}, answer)
        return answer


def macs(function: Callable[..., Any], arguments: Any, named: dict[str, Any], answer: Any) -> int:
    if function in CONVOLUTIONS:  # each output sums over the kernel and the channels of its group
        weight = named.get("weight", arguments[1] if len(arguments) > 1 else None)
        return int(answer.numel() * weight[0].numel())
    if function in LINEAR or function in MATRIX_PRODUCTS:  # each output sums over the last dimension of the left
        return int(answer.numel() * arguments[0].shape[-1])
    if function is torch.einsum:
        return contraction(arguments[0], *arguments[1:])
    return 0


def contraction(equation: str, *tensors: Any) -> int:
    """Of two tensors: as many multiply-adds as there are values of all letters."""
    tensors = tuple(tensors[0]) if isinstance(tensors[0], (list, tuple)) else tensors
    assert len(tensors) == 2, "the order in which einsum contracts more decides what it costs"
    sizes: dict[str, int] = {}
    letters = equation.replace(" ", "").partition("->")[0].split(",")
    for names, tensor in zip(letters, tensors, strict=True):
        sizes |= dict(zip(names, tensor.shape, strict=True))
    total = 1
    for size in sizes.values():
        total *= size
    return total
