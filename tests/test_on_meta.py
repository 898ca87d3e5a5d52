"""Answers at once on the meta device are PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from unix_exp.cost.on_meta import ANSWERS, AtOnce


def maps(*shape: int, **named: Any) -> Tensor:
    return torch.empty(shape or (4, 6, 8, 8), device="meta", **named)


def norm(images: Tensor, channels: int = 6, training: bool = True, affine: bool = True, device: str = "meta") -> Any:
    """A batch norm's output, and what it did to its running statistics."""
    layer = nn.BatchNorm2d(channels, affine=affine, device=device).train(training)
    return layer(images), layer.running_mean._version, layer.running_var._version  # type: ignore[union-attr]


FUNCTIONS: dict[str, Callable[[], Any]] = {
    "batch norm": lambda: norm(maps()),
    "batch norm with gradient": lambda: norm(maps(requires_grad=True), training=False),
    "batch norm without weights": lambda: norm(maps(), affine=False),
    "batch norm of other channels": lambda: norm(maps(), channels=5),
    "batch norm of another device": lambda: norm(maps(), device="cpu"),
    "batch norm, channels last": lambda: norm(maps().to(memory_format=torch.channels_last)),
    "batch norm of bfloat16": lambda: F.batch_norm(maps(dtype=torch.bfloat16), maps(6), maps(6)),
    "batch norm's parts": lambda: torch.native_batch_norm(maps(), maps(6), None, maps(6), maps(6), True, 0.1, 1e-5),
    "layer norm": lambda: nn.LayerNorm(8, device="meta")(maps()),
    "layer norm of two": lambda: torch.native_layer_norm(maps(), [8, 8], None, None, 1e-5),
    "layer norm of another size": lambda: F.layer_norm(maps(), [7]),
    "layer norm by another weight": lambda: F.layer_norm(maps(), [8], maps(7)),
    "layer norm of no channels": lambda: F.layer_norm(maps(), [8, 8], maps(8, 8), maps(8, 8)),
    "relu": lambda: maps().relu(),
    "relu of whole numbers": lambda: maps(dtype=torch.int64).relu(),
    "relu of repeated ones": lambda: maps(1, 6, 1, 1).expand(4, 6, 8, 8).relu(),
    "gelu": lambda: F.gelu(maps(requires_grad=True)),
    "gelu by tanh": lambda: F.gelu(maps(), approximate="tanh"),
    "clamp": lambda: maps().clamp_min(0.5),
    "log softmax": lambda: F.log_softmax(maps(3, 5), 1),
    "log softmax along a dimension too far": lambda: F.log_softmax(maps(3, 5), 2),
    "sum": lambda: maps() + maps(),
    "sum with one row": lambda: maps() + maps(1, 6, 1, 1),
    "sum with other strides": lambda: maps(4, 4) + maps(4, 4).t(),
    "sum with a number": lambda: maps() + 1,
    "sum with twice": lambda: maps().add(maps(), alpha=2),
    "sum of other types": lambda: maps() + maps(dtype=torch.float64),
    "sum that does not fit": lambda: maps(2, 3) + maps(2, 4),
    "sum with values": lambda: maps(2, 3) + torch.ones(2, 3),
    "convolution": lambda: F.conv2d(maps(), maps(9, 6, 3, 3), maps(9), stride=2, padding=1),
    "convolution of groups, dilated": lambda: F.conv2d(maps(), maps(9, 2, 3, 3), dilation=2, groups=3),
    "convolution of other channels": lambda: F.conv2d(maps(), maps(9, 5, 3, 3)),
    "convolution of too small maps": lambda: F.conv2d(maps(), maps(9, 6, 9, 9)),
    "convolution that is transposed": lambda: F.conv_transpose2d(maps(), maps(6, 9, 3, 3)),
    "convolution, channels last": lambda: F.conv2d(
        maps().to(memory_format=torch.channels_last), maps(9, 6, 3, 3).to(memory_format=torch.channels_last)
    ),
    "mean": lambda: maps().mean((2, 3)),
    "mean with its dimensions": lambda: maps().mean((-1,), keepdim=True),
    "mean along a dimension twice": lambda: maps().mean((1, 1)),
    "mean along a dimension too far": lambda: maps().mean((4,)),
    "mean of whole numbers": lambda: maps(dtype=torch.int64).mean((1,)),
    "rows": lambda: maps()[torch.empty(3, dtype=torch.int64, device="meta")],
    "rows of labels": lambda: maps(4, dtype=torch.int64)[torch.empty(3, 2, dtype=torch.int64, device="meta")],
    "rows of transposed ones": lambda: maps(4, 5).t()[torch.empty(3, dtype=torch.int64, device="meta")],
    "rows and columns": lambda: maps(4, 5)[maps(3).long(), maps(3).long()],
    "rows by a mask": lambda: maps(4, 5)[torch.empty(4, dtype=torch.bool, device="meta")],
    "softmax of transposed ones": lambda: maps(4, 5).t().softmax(0),
    "a matrix product that does not fit": lambda: maps(4, 5) @ maps(4, 5),
    "a linear layer": lambda: F.linear(maps(4, 5), maps(7, 5), maps(7)),
    "divergence": lambda: F.kl_div(maps(4, 5), maps(4, 5), reduction="batchmean"),
    "cross entropy": lambda: F.cross_entropy(maps(4, 5), torch.empty(4, dtype=torch.int64, device="meta")),
    "chosen values": lambda: maps(4, 5).gather(1, torch.empty(4, 1, dtype=torch.int64, device="meta")),
    "sorted": lambda: maps(4, 5).sort(descending=True),
    "the largest": lambda: maps(4, 5).topk(2),
    "pooled": lambda: F.adaptive_avg_pool2d(maps(), 2),
    "drawn": lambda: torch.randperm(5, device="meta"),
    "of a size": lambda: torch.full((2, 3), 0.5, device="meta"),
    "a value": lambda: maps(1).item(),
    "how many are not zero": lambda: maps(4).nonzero(),
    "product": lambda: maps(2, 3) * maps(2, 3),
    "product with a number that has values": lambda: maps(2, 3) * torch.ones(()),
}  # fmt: skip


def found(function: Callable[[], Any]) -> list[Any]:
    """All that can be seen of an answer without values, or the kind of its error."""
    try:
        parts = tree_leaves(function())
    except (RuntimeError, IndexError, NotImplementedError) as error:
        return [type(error)]
    return [
        (one.shape, one.stride(), one.dtype, one.device, one.requires_grad, type(one.grad_fn))
        if isinstance(one, Tensor) else one for one in parts
    ]  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_answer_at_once_is_the_one_of_pytorch(name: str) -> None:
    plain = found(FUNCTIONS[name])
    with AtOnce():
        assert found(FUNCTIONS[name]) == plain
        assert found(FUNCTIONS[name]) == plain, "now that it is known"


def test_forms_that_look_alike_have_answers_of_their_own() -> None:
    whole, read_by = maps(2, dtype=torch.int64), (torch.float32, torch.float64)
    with AtOnce():
        assert [(whole * number).dtype for number in (1, 1.0, True)] == [torch.int64, torch.float32, torch.int64]
        assert [(whole * one).stride() for one in (maps(3, 2), maps(2, 3).t())] == [(2, 1), (1, 3)]
        try:
            for dtype in read_by:
                torch.set_default_dtype(dtype)
                assert (whole / 2).dtype is dtype
        finally:
            torch.set_default_dtype(torch.float32)


def test_every_draw_from_a_generator_moves_it_on() -> None:
    """Else a component that hides one would be refused in the first trial of a process alone."""
    generator = torch.Generator()
    seen = [generator.get_state()]
    with AtOnce():
        for _ in range(2):
            torch.randperm(5, generator=generator, device="meta")
            seen.append(generator.get_state())
    assert not torch.equal(seen[0], seen[1]) and not torch.equal(seen[1], seen[2])


def test_every_answer_is_given() -> None:
    given = set()

    class Watched(AtOnce):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func in ANSWERS and not kwargs and ANSWERS[func](*args) is not None:
                given.add(func)
            return super().__torch_dispatch__(func, types, args, kwargs)

    with Watched():
        for function in FUNCTIONS.values():
            found(function)
    assert given == set(ANSWERS)
