"""Contestants in turns: what disturbs a machine for a while disturbs all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median, quantiles
from typing import NamedTuple

import torch

WARM = 3  # untimed steps: kernels are chosen, graphs captured, momentum made

Watch = Callable[[Iterable[int], str, int], Iterable[int]]


def nothing() -> None:
    pass


class Contestant(NamedTuple):
    """Something that is done again and again, and what belongs around its turn but not into its time."""

    name: str
    step: Callable[[], object]
    before: Callable[[], object] = nothing
    after: Callable[[], object] = nothing
    every: int = 1  # rounds from one turn to the next


class Spread(NamedTuple):
    """The middle of what was measured, and the quartiles around it."""

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
    """Seconds a step, one number for each turn of `block` steps; `wait` returns when the device has done its work."""
    seconds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    for turn in watch(range(rounds), "timing", rounds):
        # Back and forth: no contestant always comes just after the same one.
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
    return torch.cuda.synchronize if device.type == "cuda" else nothing
