"""How long a batch takes: all networks in turns, so that what slows the machine for a while slows them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median, quantiles

import torch
from torch import Tensor

from unix_exp.bench.measure import Contestant, alternate, waiting_for, warm
from unix_exp.deploy.answering import Answer
from unix_exp.run.measured import Latency
from unix_exp.types import Watch

FEWEST = 5  # turns of a network that is slow
SECONDS = 20.0  # that one network may take with one size of batch, if FEWEST turns do not take longer


@torch.inference_mode()
def latencies(
    answers: Mapping[str, Answer],
    images: Mapping[str, Tensor],
    batches: Sequence[int],
    repeats: int,
    device: torch.device,
    watch: Watch,
) -> dict[str, dict[int, Latency]]:
    """By network and size of batch; each network has images of its own, as many as the largest batch has."""
    wait = waiting_for(device)
    contestants = []
    for name, answer in answers.items():
        for batch in batches:
            one = Contestant(f"{batch} {name}", partial(answer, images[name][:batch].clone()))
            warm(one, wait)
            contestants.append(one._replace(every=pause(seconds_of(one, wait), repeats)))
    seconds = alternate(contestants, repeats, 1, wait, watch)
    return {name: {batch: latency_of(seconds[f"{batch} {name}"]) for batch in batches} for name in answers}


def seconds_of(contestant: Contestant, wait: Callable[[], object]) -> float:
    started = time.perf_counter()
    contestant.step()
    wait()
    return time.perf_counter() - started


def pause(seconds: float, repeats: int) -> int:
    """From how many turns a network takes one."""
    turns = max(min(FEWEST, repeats), min(repeats, int(SECONDS / max(seconds, 1e-9))))
    return repeats // turns


def latency_of(seconds: Sequence[float]) -> Latency:
    found = [1000 * one for one in seconds]
    tenths = quantiles(found, n=10, method="inclusive") if len(found) > 1 else found
    return Latency(median=median(found), p10=tenths[0], p90=tenths[-1], n=len(found))
