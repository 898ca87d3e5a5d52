"""Timing in turns: what slows the machine for a while slows all contestants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import median, quantiles
from typing import NamedTuple

import torch

WARM = 3  # untimed steps, in which kernels are chosen, graphs captured and momentum made

Watch = Callable[[Iterable[int], str, int], Iterable[int]]


def nothing() -> None:
    pass


class Contestant(NamedTuple):
    """Work that is timed, and what to do before and after its turn that is not timed."""

    name: str
    step: Callable[[], object]
    before: Callable[[], object] = nothing
    after: Callable[[], object] = nothing
    every: int = 1  # rounds from one turn to the next


class Spread(NamedTuple):
    """The median of what was measured, and its quartiles."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        low, _, high = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
        return cls(median(values), low, high, len(values))

    def times(self, factor: float) -> Spread:
        return Spread(self.median * factor, self.low * factor, self.high * factor, self.n)


def warm(contestant: Contestant, wait: Callable[[], object]) -> None:
    contestant.before()
    for _ in range(WARM):
        contestant.step()
    contestant.after()
    wait()


def alternate(
    contestants: Sequence[Contestant], rounds: int, block: int, wait: Callable[[], object], watch: Watch
) -> dict[str, list[float]]:
    """Seconds per step, one number for each turn of `block` steps; `wait` returns when the device is done."""
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for turn in watch(range(rounds), "timing", rounds):
        # Back and forth, so that no contestant always follows the same one.
        for contestant in contestants if turn % 2 == 0 else reversed(contestants):
            if turn % contestant.every:
                continue
            contestant.before()
            wait()
            started = time.perf_counter()
            for _ in range(block):
                contestant.step()
            wait()
            seconds[contestant.name].append((time.perf_counter() - started) / block)
            contestant.after()
    return seconds


def waiting_for(device: torch.device) -> Callable[[], object]:
    return partial(torch.cuda.synchronize, device) if device.type == "cuda" else nothing
