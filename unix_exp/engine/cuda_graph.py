"""The step as one CUDA graph: launched whole, where an eager step has the host launch thousands of kernels."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.step import Step
from unix_exp.engine.tally import Tally
from unix_exp.types import Batch, Losses
from unix_exp.words import first_line

TRIALS = 2  # the first compiles, benchmarks and allocates; the second shows that this is over


class Recording(NamedTuple):
    """Work that can be done again: it reads where it read before and writes into the same losses."""

    replay: Callable[[], None]
    losses: Losses


class CapturedStep(Step):
    """A step recorded with its first batch and replayed for all of that shape; any other is done eagerly.

    Weights, momentum and learning rate must stay where they are from then on: load a checkpoint before the first step.
    """

    def __init__(
        self,
        method: Distiller,
        optimiser: torch.optim.Optimizer,
        runtime: Runtime,
        stage: str = "train",
        tally: Tally | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        super().__init__(method, optimiser, runtime, stage, tally)
        self.say = say
        self.given: Batch | None = None  # where the recording reads: every batch is copied there
        self.recording: Recording | None = None

    def __call__(self, batch: Batch) -> Losses:
        if self.given is None:
            self.given = tree_map(torch.clone, batch)
            self.recording = self.recorded(self.given)
        if self.recording is None or shapes(batch) != shapes(self.given):
            return super().__call__(batch)
        for read, tensor in zip(self.given, batch, strict=True):
            if read is not None and tensor is not None:
                read.copy_(tensor)
        self.recording.replay()
        return tree_map(torch.clone, self.recording.losses)  # the next replay writes over them

    def recorded(self, given: Batch) -> Recording | None:
        """The step on these tensors; None where it can't be captured, which is said, and all is as before."""
        device = given.images.device
        keep_in_place(self.optimiser, device)
        try:
            with unchanged(self.written(), device):
                return record(partial(super().__call__, given), device)
        except RuntimeError as error:
            if self.runtime.capture is True:
                raise
            self.say(f"the step can't be captured, so it runs eagerly, which takes longer: {first_line(error)}")
            return None

    def written(self) -> list[Tensor]:
        """All that a step changes: the weights, what was counted and averaged, the momentum."""
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        # A teacher kept in inference mode has buffers that nobody may write to.
        modules = [self.method] if self.tally is None else [self.method, self.tally]
        buffers = [buffer for module in modules for buffer in module.buffers() if not buffer.is_inference()]
        averages = [weight for role in self.method.averages for weight in getattr(self.method, role).parameters()]
        momenta = [kept for state in self.optimiser.state.values() for kept in state.values()]
        return [*weights, *averages, *buffers, *momenta]


def step_for(
    method: Distiller,
    optimiser: torch.optim.Optimizer,
    runtime: Runtime,
    stage: str = "train",
    tally: Tally | None = None,
    say: Callable[[str], None] = print,
) -> Step:
    """The fastest step that this place and the settings allow."""
    if runtime.captures:
        return CapturedStep(method, optimiser, runtime, stage, tally, say)
    return Step(method, optimiser, runtime, stage, tally)


def shapes(batch: Batch) -> list[torch.Size | None]:
    return [None if tensor is None else tensor.shape for tensor in batch]


def keep_in_place(optimiser: torch.optim.Optimizer, device: torch.device) -> None:
    """A recording repeats numbers and choices as they were; what is to change has to be a tensor that is there."""
    for group in optimiser.param_groups:
        group["lr"] = torch.full((), float(group["lr"]), device=device)


@contextmanager
def unchanged(tensors: Sequence[Tensor], device: torch.device) -> Iterator[None]:
    """Whatever is done inside, afterwards each tensor holds what it held, in its place, and chance is as it was."""
    before = [tensor.detach().clone() for tensor in tensors]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, value in zip(tensors, before, strict=True):
                    tensor.copy_(value)


def record(work: Callable[[], Losses], device: torch.device) -> Recording:
    """Record the work as a CUDA graph, which doesn't do it; a few times before that it is done."""
    with torch.cuda.device(device):
        main, side = torch.cuda.current_stream(), torch.cuda.Stream()
        side.wait_stream(main)
        try:
            with torch.cuda.stream(side):  # a capture is not for the main stream, and what comes once is per stream
                for _ in range(TRIALS):
                    work()
                with waiting_is_an_error():  # found here it does no harm; a capture that it breaks can't be undone
                    work()
                gc.collect()  # a former run's graph, if it were freed during the capture, would break it
                graph = torch.cuda.CUDAGraph()
                # The threads that load and pin images go on meanwhile, and may.
                with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
                    losses = work()
        except RuntimeError:
            # Older PyTorch leaves the generator of a broken capture waiting for its end; a copy of it is not.
            chance = torch.cuda.default_generators[device.index]
            chance.graphsafe_set_state(chance.clone_state())
            raise
        finally:
            main.wait_stream(side)
    return Recording(graph.replay, losses)


@contextmanager
def waiting_is_an_error() -> Iterator[None]:
    """Whatever makes the host wait for the GPU raises an error instead."""
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that it misses some
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)
