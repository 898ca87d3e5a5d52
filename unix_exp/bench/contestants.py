"""All that is timed, each warmed up before the first turn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from unix_exp.bench.case import Case
from unix_exp.bench.chips import on
from unix_exp.bench.floor import Floor, captured
from unix_exp.bench.measure import Contestant, waiting_for, warm
from unix_exp.bench.ours import Ours, endless
from unix_exp.bench.plain import Plain, can_show
from unix_exp.engine import analysis

ABOUT = {
    "floor": "the networks alone, on the same images",
    "ours": "our whole step with its data",
    "data": "the next batch alone",
    "look": f"the analysis's look at a batch, once in {analysis.EVERY} steps",
    "kd": "our whole step of conventional KD",
    "plain": "the loop as people write it",
    "plain_workers": "the same, with processes that load",
}


def contestants(case: Case, workers: int) -> Iterator[Contestant]:
    device = case.runtime.place()
    images = next(endless(case)).images
    floor = Floor(case, images)
    yield Contestant("floor", captured(floor) if device.type == "cuda" else floor)

    ours = Ours(case, case.settings)
    yield Contestant("ours", ours)
    batches = endless(case)
    yield Contestant("data", lambda: next(batches))
    if ours.analysis is not None:
        yield Contestant("look", partial(ours.look, next(batches)), every=4)
    if not case.is_kd:
        yield Contestant("kd", Ours(case, case.kd))
    if can_show(case):
        yield Contestant("plain", Plain(case, *case.networks()))
        if workers:
            loop = Plain(case, *case.networks(), workers)
            yield Contestant("plain_workers", loop, before=loop.start, after=loop.stop)


def warmed(case: Case, workers: int) -> tuple[list[Contestant], dict[str, int]]:
    """Everyone ready to be timed, and on a GPU the bytes that each took at its fullest, its weights included."""
    device = case.runtime.place()
    entering = contestants(case, workers)
    ready: list[Contestant] = []
    memory: dict[str, int] = {}
    while True:
        before = on(device)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        contestant = next(entering, None)  # made here
        if contestant is None:
            return ready, memory
        warm(contestant, waiting_for(device))
        ready.append(contestant)
        if device.type == "cuda":
            memory[contestant.name] = torch.cuda.max_memory_allocated(device) - before
