"""All that is timed, each warmed up before the first turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch

from unix_exp.bench import rows
from unix_exp.bench.case import Case
from unix_exp.bench.chips import bytes_on
from unix_exp.bench.floor import Floor
from unix_exp.bench.measure import Contestant, waiting_for, warm
from unix_exp.bench.ours import Ours, endless
from unix_exp.bench.plain import Plain, can_show
from unix_exp.engine.recording import record
from unix_exp.words import first_line


def contestants(case: Case, workers: int) -> Iterator[Contestant]:
    device = case.runtime.place()
    images = next(endless(case)).images
    yield Contestant(rows.FLOOR, without_launches(Floor(case, images), device))

    ours = Ours(case, case.settings)
    yield Contestant(rows.OURS, ours)
    yield Contestant(rows.DATA, without_launches(next_batch(case), device))
    if ours.analysis is not None:
        yield Contestant(rows.LOOK, without_launches(partial(ours.look, next(endless(case))), device), every=4)
    if not case.is_conventional:
        yield Contestant(rows.CONVENTIONAL, Ours(case, case.conventional))
    if can_show(case):
        yield Contestant(rows.PLAIN, plain_loop(case))
        if workers:
            loop = plain_loop(case, workers)
            yield Contestant(rows.PLAIN_WORKERS, loop, before=loop.start, after=loop.stop)


def without_launches(work: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """On a GPU the work as one CUDA graph, so that its time is the GPU's and not that of the host's launches.

    A part of a step is shorter on the GPU than its kernels take to launch. Within a step that does not show: the host
    launches them while the GPU is still at the step before. Timed alone and eagerly, the next batch would seem to take
    two or three times what it adds to a step.
    """
    if device.type != "cuda":
        return work
    try:
        return record(work, device).replay
    except RuntimeError as error:
        print(f"a row is timed with the host's launches, because it can't be captured: {first_line(error)}")
        return work


def next_batch(case: Case) -> Callable[[], object]:
    if case.runtime.place().type != "cuda":
        return partial(next, endless(case))
    # A graph can't hold an epoch's beginning, which draws its random numbers; the gathering is the same for any batch.
    drawn = case.data.drawn(torch.Generator(case.data.train_pixels.device).manual_seed(0))
    return partial(case.data.gathered, drawn, slice(0, case.recipe.batch))


def plain_loop(case: Case, workers: int = 0) -> Plain:
    networks = case.networks()
    return Plain(case, networks["student"], networks["teacher"], workers)


def warmed(case: Case, workers: int) -> tuple[list[Contestant], dict[str, int]]:
    """All contestants ready to be timed, and on a GPU the most bytes that each held, its weights included."""
    device = case.runtime.place()
    entering = contestants(case, workers)
    ready: list[Contestant] = []
    memory: dict[str, int] = {}
    while True:
        before = bytes_on(device)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        contestant = next(entering, None)  # made here
        if contestant is None:
            return ready, memory
        warm(contestant, waiting_for(device))
        ready.append(contestant)
        if device.type == "cuda":
            memory[contestant.name] = torch.cuda.max_memory_allocated(device) - before
