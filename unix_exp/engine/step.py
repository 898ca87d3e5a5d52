"""One update, and the means of many."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.parallel import parallel
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.tally import Tally
from unix_exp.engine.world import World
from unix_exp.types import Batch, Losses


class Step:
    """One update of a method in one of its stages. Every value stays on the device; nothing here waits for it."""

    def __init__(
        self,
        method: Distiller,
        optimiser: torch.optim.Optimizer,
        runtime: Runtime,
        stage: str = "train",
        tally: Tally | None = None,
    ) -> None:
        self.method = method
        self.optimiser = optimiser
        self.runtime = runtime
        self.stage = stage
        self.tally = tally
        self.forward = forward_of(method, runtime)

    def __call__(self, batch: Batch) -> Losses:
        batch = batch._replace(images=self.runtime.batch_layout(batch.images))
        with self.runtime.autocast():
            losses = self.forward(batch, self.stage)
        self.optimiser.zero_grad(set_to_none=True)
        total = sum(losses.terms.values())
        assert isinstance(total, Tensor), "a method has at least one term"
        total.backward()
        self.optimiser.step()
        self.method.stepped()
        losses = detached(losses)
        if self.tally is not None:
            self.tally(batch, losses)
        return losses


def forward_of(method: Distiller, runtime: Runtime) -> Callable[..., Losses]:
    """The method, made faster where the settings say so, or shared with other processes."""
    if World.here().size > 1:
        return parallel(method)
    if runtime.compile:
        compiled: Callable[..., Losses] = torch.compile(method, fullgraph=True)
        return compiled
    return method


def detached(losses: Losses) -> Losses:
    terms, values, per_image = (
        {name: value.detach() for name, value in some.items()}
        for some in (losses.terms, losses.values, losses.per_image)
    )
    return Losses(terms, losses.index, values, per_image)


class Means:
    """Running sums on the device, read once when an epoch ends."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def add(self, losses: Losses) -> None:
        named = {f"train/{name}": term for name, term in losses.terms.items()}
        for name, value in (named | {f"method/{name}": value for name, value in losses.values.items()}).items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.count += 1

    def read(self) -> dict[str, float]:
        return {name: float(total) / self.count for name, total in self.sums.items()}


class Between:
    """The time between steps, when the device waits for images or prepares them; on a GPU as the GPU sees it."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.on_gpu = device, device.type == "cuda"
        self.marks: list[Any] = []  # the beginning, then before and after every step
        self.mark()

    def mark(self) -> None:
        if self.on_gpu:
            self.marks.append(torch.cuda.Event(enable_timing=True))
            # The host goes on; the run's GPU, which need not be the current one, records the time when it gets here.
            self.marks[-1].record(torch.cuda.current_stream(self.device))
        else:
            self.marks.append(time.perf_counter())

    def seconds(self) -> float:
        """To be called when the device has finished the epoch."""
        pairs = list(zip(self.marks[0::2], self.marks[1::2], strict=False))
        if self.on_gpu:
            return float(sum(since.elapsed_time(until) for since, until in pairs)) / 1000
        return float(sum(until - since for since, until in pairs))
