"""Recorded work: what a recording repeats by mistake is found, and a broken capture leaves nothing behind."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unix_exp.engine import recording
from unix_exp.engine.recording import Recording, record, replay_equals_eager, unchanged

CPU = torch.device("cpu")
COUNTER = count(1)

DRAWS: dict[str, Callable[[], float | Tensor]] = {
    "nothing": lambda: 0.5,
    "torch": lambda: torch.rand(()),
    "random": random.random,
    "numpy": lambda: np.random.beta(1, 1),
    "a counter": lambda: next(COUNTER) / 1000,
}


class Work:
    """A step that adds a share of its images to its weights and returns how much that was."""

    def __init__(self, draw: Callable[[], float | Tensor]) -> None:
        self.draw = draw
        self.images, self.weights = torch.ones(8), torch.zeros(8)

    def __call__(self, drawn: float | None = None) -> dict[str, Tensor]:
        share = self.draw() if drawn is None else drawn
        self.weights += share * self.images
        return {"loss": self.weights.sum(), "per image": self.weights.clone()}


def tape(work: Work) -> Recording[dict[str, Tensor]]:
    """As a CUDA graph does: a number that was drawn on the host is repeated, one drawn by torch is drawn anew."""
    result, drawn = work(), work.draw()

    def replay() -> None:
        for name, value in work(None if isinstance(drawn, Tensor) else drawn).items():
            result[name].copy_(value)

    return Recording(replay, result)


@pytest.mark.parametrize("draw", DRAWS)
def test_a_number_drawn_on_the_host_is_found(draw: str) -> None:
    random.seed(1)  # two numbers may be equal up to the tolerance, though rarely
    np.random.seed(1)
    work = Work(DRAWS[draw])
    recorded = tape(work)
    found = replay_equals_eager(recorded, work, [work.weights], CPU)
    assert found == (draw in ("nothing", "torch"))


@pytest.mark.parametrize("draw", ["torch", "random", "numpy"])
def test_comparing_leaves_no_trace(draw: str) -> None:
    work = Work(DRAWS[draw])
    recorded = tape(work)

    def following() -> list[float]:
        states = torch.get_rng_state(), random.getstate(), np.random.get_state()
        drawn = [torch.rand(()).item(), random.random(), np.random.rand()]
        for restore, state in zip((torch.set_rng_state, random.setstate, np.random.set_state), states, strict=True):
            restore(state)
        return drawn

    before, weights = following(), work.weights.clone()
    replay_equals_eager(recorded, work, [work.weights], CPU)
    assert following() == before
    assert torch.equal(work.weights, weights)


def test_a_loss_that_is_not_a_number_in_both_is_no_difference() -> None:
    work = Work(lambda: float("nan"))
    assert replay_equals_eager(tape(work), work, [work.weights], CPU)


def test_an_error_inside_restores_everything_too() -> None:
    held = torch.arange(3.0)
    memory, state = held.data_ptr(), torch.get_rng_state()

    def work() -> None:
        with unchanged([held], CPU):
            held.add_(torch.rand(3)).div_(0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert held.tolist() == [0, 1, 2] and held.data_ptr() == memory
    assert torch.equal(torch.get_rng_state(), state)


class Gpu:
    """What recording asks of torch.cuda, written down instead of done."""

    def __init__(self, breaks: str = "") -> None:
        self.breaks, self.calls = breaks, []
        self.default_generators = [SimpleNamespace(
            clone_state=lambda: "copy", graphsafe_set_state=lambda state: self.calls.append("exchange the generator")
        )]  # fmt: skip

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return {
            "current_device": lambda: 0, "get_sync_debug_mode": lambda: 0, "graph_pool_handle": lambda: (0, 7),
            "device": lambda _: nullcontext(), "stream": lambda _: nullcontext(),
        }.get(name, lambda *_: SimpleNamespace(wait_stream=lambda _: None, replay=lambda: None))  # fmt: skip

    @contextmanager
    def graph(self, graph: object, pool: object, stream: object, capture_error_mode: str) -> Iterator[None]:
        self.calls.append(f"capture into pool {pool}")
        if self.breaks == "at its beginning":
            raise RuntimeError(self.breaks)
        yield

    def work(self) -> dict[str, Tensor]:
        self.calls.append("work")
        if self.breaks == f"in call {self.calls.count('work')}":
            raise RuntimeError(self.breaks)
        return {}

    def end(self, device: int, pool: object) -> None:
        self.calls.append(f"end allocation to {pool}")

    def release(self, device: int, pool: object) -> None:
        self.calls.append(f"release {pool}")


@pytest.mark.parametrize(
    ("breaks", "expected"),
    [
        ("", ["work", "work", "work", "capture into pool (0, 7)", "work"]),
        ("in call 3", ["work", "work", "work"]),  # nothing is captured yet, so older graphs keep their generator
        ("at its beginning", ["work", "work", "work", "capture into pool (0, 7)"]),
        ("in call 4", ["work", "work", "work", "capture into pool (0, 7)", "work", "exchange the generator",
                       "end allocation to (0, 7)", "release (0, 7)"]),
    ],
)  # fmt: skip
def test_only_a_broken_capture_is_cleared_away(
    monkeypatch: pytest.MonkeyPatch, breaks: str, expected: list[str]
) -> None:
    gpu = Gpu(breaks)
    monkeypatch.setattr(recording.torch, "cuda", gpu)
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", gpu.end, raising=False)
    monkeypatch.setattr(torch._C, "_cuda_releasePool", gpu.release, raising=False)
    with pytest.raises(RuntimeError, match=breaks) if breaks else nullcontext():
        record(gpu.work, torch.device("cuda"))
    assert gpu.calls == expected


def test_a_pytorch_without_these_calls_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording.torch, "cuda", Gpu())
    for name in ("_cuda_endAllocateToPool", "_cuda_endAllocateCurrentStreamToPool", "_cuda_releasePool"):
        monkeypatch.delattr(torch._C, name, raising=False)
    recording.end_allocation((0, 7))
