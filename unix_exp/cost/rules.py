"""What one operation costs in multiply-adds; a rule for each operation that has a price, the same as fvcore's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

CONVOLUTION = "convolution"
PRODUCT = "matrix product"
ATTENTION = "attention"
BATCH_NORM, LAYER_NORM, GROUP_NORM, INSTANCE_NORM = "batch norm", "layer norm", "group norm", "instance norm"
POOLING = "adaptive pooling"
RESIZING = "resizing"

Rule = Callable[[Sequence[Any], Any], int]  # (the operation's arguments, what it answered) -> multiply-adds


def convolution(arguments: Sequence[Any], answer: Any) -> int:
    """One weight, one multiply-add, at each position of the output, or of the input where it is transposed."""
    images: Tensor = arguments[0]
    weight: Tensor = arguments[1]
    swept: Tensor = images if arguments[6] else answer
    return len(images) * weight.numel() * prod(swept.shape[2:])


def product(left: int) -> Rule:
    """A matrix product, maybe of many pairs of matrices; `left` says which argument is its left factor."""

    def rule(arguments: Sequence[Any], answer: Any) -> int:
        one, other = arguments[left : left + 2]
        return int(one.numel() * (other.shape[-1] if other.dim() > 1 else 1))

    return rule


def linear(arguments: Sequence[Any], answer: Any) -> int:
    images, weight = arguments[:2]
    return int(images.numel() * (len(weight) if weight.dim() > 1 else 1))


def distances(arguments: Sequence[Any], answer: Any) -> int:
    """Between all rows of two matrices, by one matrix product of them."""
    one: Tensor = arguments[0]
    other: Tensor = arguments[1]
    return one.numel() * other.shape[-2]


def attention(arguments: Sequence[Any], answer: Any) -> int:
    """Two matrix products: queries with keys, and their weights with values; masks save nothing."""
    query: Tensor = arguments[0]
    key: Tensor = arguments[1]
    value: Tensor = arguments[2]
    return prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def norm(weight: int, with_weight: int, without: int) -> Rule:
    """So much for each element of the input; `weight` says which argument is the scale, or None."""

    def rule(arguments: Sequence[Any], answer: Any) -> int:
        images: Tensor = arguments[0]
        scaled = len(arguments) > weight and arguments[weight] is not None
        return images.numel() * (with_weight if scaled else without)

    return rule


def each_input(arguments: Sequence[Any], answer: Any) -> int:
    return int(arguments[0].numel())


def each_output(times: int) -> Rule:
    return lambda arguments, answer: times * first_tensor(answer).numel()


def first_tensor(answer: Any) -> Tensor:
    return answer if isinstance(answer, Tensor) else answer[0]


# The price in eval mode, whatever the mode: an image costs the same however it is shown.
batch_norm = norm(1, 2, 1)

# What PyTorch executes below autograd. Layers without a rule of their own are made of these: linear is addmm or mm.
RULES: dict[str, tuple[str, Rule]] = {
    "aten::convolution": (CONVOLUTION, convolution),
    "aten::_convolution": (CONVOLUTION, convolution),
    "aten::convolution_overrideable": (CONVOLUTION, convolution),
    "aten::mm": (PRODUCT, product(0)),
    "aten::bmm": (PRODUCT, product(0)),
    "aten::mv": (PRODUCT, product(0)),
    "aten::dot": (PRODUCT, product(0)),
    "aten::vdot": (PRODUCT, product(0)),
    "aten::_int_mm": (PRODUCT, product(0)),
    "aten::_scaled_mm": (PRODUCT, product(0)),
    "aten::addmm": (PRODUCT, product(1)),
    "aten::addmv": (PRODUCT, product(1)),
    "aten::addbmm": (PRODUCT, product(1)),
    "aten::baddbmm": (PRODUCT, product(1)),
    "aten::_addmm_activation": (PRODUCT, product(1)),
    "aten::_euclidean_dist": (PRODUCT, distances),
    "aten::linear": (PRODUCT, linear),
    "aten::mkldnn_linear": (PRODUCT, linear),
    "aten::_scaled_dot_product_flash_attention": (ATTENTION, attention),
    "aten::_scaled_dot_product_flash_attention_for_cpu": (ATTENTION, attention),
    "aten::_scaled_dot_product_efficient_attention": (ATTENTION, attention),
    "aten::_scaled_dot_product_cudnn_attention": (ATTENTION, attention),
    "aten::_scaled_dot_product_fused_attention_overrideable": (ATTENTION, attention),
    "aten::_scaled_dot_product_attention_math_for_mps": (ATTENTION, attention),
    "aten::native_batch_norm": (BATCH_NORM, batch_norm),
    "aten::cudnn_batch_norm": (BATCH_NORM, batch_norm),
    "aten::miopen_batch_norm": (BATCH_NORM, batch_norm),
    "aten::_batch_norm_no_update": (BATCH_NORM, batch_norm),
    "aten::_batch_norm_with_update": (BATCH_NORM, batch_norm),
    "aten::_batch_norm_with_update_functional": (BATCH_NORM, batch_norm),
    "aten::_native_batch_norm_legit": (BATCH_NORM, batch_norm),
    "aten::_native_batch_norm_legit_functional": (BATCH_NORM, batch_norm),
    "aten::_native_batch_norm_legit_no_training": (BATCH_NORM, batch_norm),
    "aten::native_layer_norm": (LAYER_NORM, norm(2, 5, 4)),
    "aten::native_group_norm": (GROUP_NORM, norm(1, 5, 4)),
    "aten::upsample_nearest2d": (RESIZING, each_output(1)),
    "aten::upsample_bilinear2d": (RESIZING, each_output(4)),
    "aten::grid_sampler_2d": (RESIZING, each_output(4)),
    "aten::grid_sampler_3d": (RESIZING, each_output(4)),
}

# What PyTorch takes apart before it executes it, so that the parts would have another price, or none: an adaptive pool
# to 1x1 is a mean, an instance norm is a batch norm of another shape.
WHOLE: dict[Callable[..., Any], tuple[str, Rule]] = {
    F.adaptive_avg_pool2d: (POOLING, each_input),
    torch._C._nn.adaptive_avg_pool2d: (POOLING, each_input),
    F.instance_norm: (INSTANCE_NORM, norm(3, 5, 4)),
    torch.instance_norm: (INSTANCE_NORM, norm(1, 5, 4)),
}
NAMED = {F.adaptive_avg_pool2d: ("input",), F.instance_norm: ("input", "running_mean", "running_var", "weight")}


def in_order(function: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]) -> list[Any]:
    """A call's arguments by position, also those that were passed by name."""
    return [*arguments, *(named.get(name) for name in NAMED.get(function, ())[len(arguments) :])]
