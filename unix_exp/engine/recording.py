"""Work recorded as a CUDA graph: launched whole, where the host would launch thousands of kernels one by one."""

from __future__ import annotations

import gc
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

TRIALS = 2  # the first compiles, benchmarks and allocates; the second shows that this is over
TOLERANCE = 1e-3  # between a replay and the same work done eagerly; another random number changes a loss by per cents

HOST_NUMBER = (
    "the captured step gives other losses than the eager step on the same batch, so something in it draws random "
    "numbers or counts on the host, which a recording repeats; draw with torch on the batch's device, keep counts in "
    "buffers, or choose runtime.capture=false"
)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Recording(Generic[Result]):
    """Work that can be repeated: it reads the tensors that it read when recorded, and writes into the same result."""

    replay: Callable[[], object]
    result: Result


def record(work: Callable[[], Result], device: torch.device) -> Recording[Result]:
    """Record the work as a CUDA graph; recording doesn't do the work, but before that it is done a few times."""
    with torch.cuda.device(device):
        main, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(main)
        try:
            # The main stream cannot be captured, and what happens once happens once for each stream.
            with torch.cuda.stream(side):
                for _ in range(TRIALS):
                    work()
                with waiting_is_an_error():  # found here it does no harm; found by the capture it breaks the capture
                    work()
                gc.collect()  # an earlier run's graph, if it were freed during the capture, would break it
                return captured(work, side)
        finally:
            main.wait_stream(side)


def captured(work: Callable[[], Result], stream: torch.cuda.Stream) -> Recording[Result]:
    """The capture itself; where it breaks, PyTorch is left as if it had not begun."""
    graph, pool, begun = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle(), False
    try:
        # The threads that load and pin images go on meanwhile, and may.
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            begun = True
            result = work()
    except RuntimeError:
        if begun:
            replace_generator_state()
            end_allocation(pool)
        raise
    return Recording(graph.replay, result)


def replace_generator_state() -> None:
    """Free the device's generator of a broken capture: older PyTorch leaves it waiting for the end, its copy is free.

    Graphs recorded earlier keep the old state and no longer follow the seed, so this is for broken captures alone.
    """
    generator = torch.cuda.default_generators[torch.cuda.current_device()]
    generator.graphsafe_set_state(generator.clone_state())


def end_allocation(pool: Any) -> None:
    """End a broken capture's claim on the allocator, which else never empties its cache again."""
    names = ("_cuda_endAllocateToPool", "_cuda_endAllocateCurrentStreamToPool")  # newer PyTorch, older PyTorch
    end = next((getattr(torch._C, name) for name in names if hasattr(torch._C, name)), None)
    if end is None:
        return
    device = torch.cuda.current_device()
    try:
        end(device, pool)
    except RuntimeError:
        return  # the capture came far enough to end it; then the graph gives the pool back too
    if hasattr(torch._C, "_cuda_releasePool"):
        torch._C._cuda_releasePool(device, pool)


@contextmanager
def unchanged(tensors: Sequence[Tensor], device: torch.device) -> Iterator[None]:
    """Undo afterwards what is done to these tensors, each in its own memory, and to the random generators."""
    before = [tensor.detach().clone() for tensor in tensors]
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)
            with torch.no_grad():
                for tensor, value in zip(tensors, before, strict=True):
                    tensor.copy_(value)


def replay_equals_eager(
    recording: Recording[Result], eager: Callable[[], Result], written: Sequence[Tensor], device: torch.device
) -> bool:
    """Whether a replay and the same work done eagerly give the same result; both are undone.

    They differ where the work draws a number on the host (random, numpy, a Python counter): a recording repeats the
    number that was drawn while it was made. `written` is all that the work changes.
    """
    with unchanged(written, device):
        recording.replay()
        replayed = numbers(recording.result)
    with unchanged(written, device):
        done = numbers(eager())
    return len(replayed) == len(done) and all(
        torch.allclose(one, other, rtol=TOLERANCE, atol=0.0, equal_nan=True)
        for one, other in zip(replayed, done, strict=True)
    )


def numbers(result: object) -> list[Tensor]:
    """The scalars in a result, copied; single images' values may differ more by rounding, where two are nearly tied."""
    leaves = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor) and leaf.dim() == 0]
    return [leaf.detach().clone() for leaf in leaves]


@contextmanager
def waiting_is_an_error() -> Iterator[None]:
    """Whatever makes the host wait for the GPU raises an error instead."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns that it misses some
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
