"""On the meta device, answers at once where PyTorch works out shapes in Python: a batch norm takes it milliseconds.

A network is shown a dozen batches without values before it is trained, and has a norm in every layer. PyTorch's Python
also imports its compiler, which takes two seconds more.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from math import prod
from typing import Any

import torch
from torch import Tag, Tensor
from torch.utils._pytree import tree_flatten, tree_map_only, tree_unflatten

from unix_exp.cost.mode import Mode

Answer = Callable[..., Any]  # None: PyTorch has to answer itself
MOST = 4096  # forms of answers
KNOWN: dict[Hashable, Any] = {}  # patterns: who asks gets new tensors of the same form
PLAIN = (int, float, complex, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format)
FEW = 200_000  # values, with which an operation takes less time than PyTorch's Python does without

aten = torch.ops.aten
# What the CPU does otherwise: strides of its own; running statistics that the schema does not say are written.
ELSEWHERE = (aten.convolution.default, aten.native_batch_norm.default)
QUICK = (aten.empty.memory_format, aten.empty_strided.default)  # on any device


class AtOnce(Mode):
    """`with AtOnce():` gives the same shapes, types and strides, sooner; everything unusual is left to PyTorch."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        answer = ANSWERS[func](*args) if func in ANSWERS and not named else None
        if answer is None and depends_on_shapes_alone(func):
            answer = of_zeros(func, args, named)
        return func(*args, **named) if answer is None else answer


@cache
def depends_on_shapes_alone(func: Any) -> bool:
    """Whether it makes new tensors, whose shapes no value decides."""
    schema = func._schema
    aliases = [one.alias_info for one in (*schema.arguments, *schema.returns) if one.alias_info is not None]
    by_values = {Tag.data_dependent_output, Tag.dynamic_output_shape} & set(func.tags)
    return func.namespace == "aten" and func not in (*ELSEWHERE, *QUICK) and not aliases and not by_values


def of_zeros(func: Any, args: Any, kwargs: Any) -> Any:
    """What it makes of zeros on the CPU, without its values, found once for the same forms; None where it cannot."""
    try:
        if (form := form_of((args, kwargs))) is None:
            return worked_out(func, args, kwargs)
        key = (func, form, torch.get_default_dtype(), torch.is_autocast_enabled("cpu"))
        if key not in KNOWN:
            if len(KNOWN) >= MOST:
                KNOWN.clear()
            KNOWN[key] = worked_out(func, args, kwargs)
    except Exception:
        return None  # PyTorch says what is wrong with the tensors that were given
    known = KNOWN[key]
    return bare(known) if isinstance(known, Tensor) else tree_map_only(Tensor, bare, known)


def form_of(given: Any) -> Hashable:
    """All of an argument that decides the form of an answer; 1, 1.0 and True are not the same.

    None where an argument has more than a form, such as a generator, which every call moves on.
    """
    if isinstance(given, Tensor):
        stride = given.stride() if given.layout is torch.strided else None
        return type(given), given.shape, stride, given.dtype, given.device
    if isinstance(given, list | tuple | dict):
        parts = [form_of(one) for one in (given.values() if isinstance(given, dict) else given)]
        return None if None in parts else (type(given), *(given if isinstance(given, dict) else ()), *parts)
    return (type(given), given) if isinstance(given, PLAIN) else None


def worked_out(func: Any, args: Any, kwargs: Any) -> Any:
    leaves, form = tree_flatten((args, kwargs))
    given = [one for one in leaves if isinstance(one, Tensor)]
    devices = {one.type for one in leaves if isinstance(one, torch.device)}
    if not all(one.is_meta for one in given) or devices - {"meta"} or not (given or devices):
        return None
    sizes = [one.numel() for one in given] or [prod(one for one in leaves if isinstance(one, int) and one > 0)]
    if sum(sizes) > FEW:
        return None
    words, named = tree_unflatten([on_cpu(one) for one in leaves], form)
    with torch.random.fork_rng(devices=[], enabled=Tag.nondeterministic_seeded in func.tags):
        return tree_map_only(Tensor, bare, func(*words, **named))


def on_cpu(one: Any) -> Any:
    if isinstance(one, torch.device):
        return torch.device("cpu")
    if isinstance(one, Tensor):
        return torch.empty_strided(one.shape, one.stride(), dtype=one.dtype).zero_()
    return one


def bare(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def plain(tensor: Any) -> bool:
    """Without values, of the usual type, and without gaps."""
    return isinstance(tensor, Tensor) and tensor.is_meta and tensor.dtype is torch.float32 and tensor.is_contiguous()


def like(tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")


def of_one(tensor: Any, *settings: Any) -> Tensor | None:
    """What has one value for each of the input's, however it is computed."""
    return like(tensor) if plain(tensor) and not any(isinstance(one, Tensor) for one in settings) else None


def along(tensor: Any, dim: int, to_float: bool) -> Tensor | None:
    return like(tensor) if plain(tensor) and -tensor.dim() <= dim < tensor.dim() and not to_float else None


def of_two(one: Any, other: Any) -> Tensor | None:
    return like(one) if plain(one) and plain(other) and one.shape == other.shape else None


def batch_norm(images: Any, *settings: Any) -> tuple[Tensor, ...] | None:
    tensors = [one for one in settings if isinstance(one, Tensor)]
    if not plain(images) or images.dim() < 2 or not all(plain(one) and one.dim() == 1 for one in tensors):
        return None
    return like(images), *(torch.empty(images.shape[1], device="meta") for _ in range(2))


def convolution(
    images: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    out: Any,
    groups: int,
) -> Tensor | None:
    if not plain(images) or not plain(weight) or transposed or not images.dim() == weight.dim() == 2 + len(stride):
        return None
    if images.shape[1] != groups * weight.shape[1] or len(weight) % groups or not (bias is None or plain(bias)):
        return None
    kernels = [apart * (side - 1) + 1 for side, apart in zip(weight.shape[2:], dilation, strict=True)]
    padded = [side + 2 * around for side, around in zip(images.shape[2:], padding, strict=True)]
    size = [(side - kernel) // step + 1 for side, kernel, step in zip(padded, kernels, stride, strict=True)]
    return torch.empty(len(images), len(weight), *size, device="meta") if min(size) > 0 else None


def mean(tensor: Any, dims: Any, keep: bool = False) -> Tensor | None:
    if not plain(tensor) or not dims or not all(-tensor.dim() <= dim < tensor.dim() for dim in dims):
        return None
    gone = {dim % tensor.dim() for dim in dims}
    if len(gone) < len(dims):
        return None
    kept = [1 if dim in gone else side for dim, side in enumerate(tensor.shape) if keep or dim not in gone]
    return torch.empty(kept, device="meta")


def rows_of(tensor: Any, rows: Any) -> Tensor | None:
    if not isinstance(tensor, Tensor) or len(rows) != 1 or not isinstance(rows[0], Tensor):
        return None
    (chosen,) = rows
    if chosen.dtype is not torch.int64 or not all(one.is_meta and one.is_contiguous() for one in (tensor, chosen)):
        return None
    return torch.empty((*chosen.shape, *tensor.shape[1:]), dtype=tensor.dtype, device="meta") if tensor.dim() else None


def layer_norm(images: Any, shape: Any, weight: Any, bias: Any, eps: float) -> tuple[Tensor, ...] | None:
    given = [one for one in (weight, bias) if one is not None]
    if not plain(images) or not all(plain(one) and list(one.shape) == list(shape) for one in given):
        return None
    rows = [*images.shape[: images.dim() - len(shape)], *(1 for _ in shape)]
    if list(images.shape[len(rows) - len(shape) :]) != list(shape):
        return None
    return like(images), *(torch.empty(rows, device="meta") for _ in range(2))


ANSWERS: dict[Any, Answer] = {
    aten.convolution.default: convolution,
    aten.mean.dim: mean,
    aten.index.Tensor: rows_of,
    aten.native_batch_norm.default: batch_norm,
    aten.native_layer_norm.default: layer_norm,
    aten.relu.default: of_one,
    aten.gelu.default: of_one,
    aten.clamp_min.default: of_one,
    aten._log_softmax.default: along,
    aten.add.Tensor: of_two,
    aten.mul.Tensor: of_two,
}
