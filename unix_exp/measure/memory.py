"""The most memory that answering takes, each network in a process of its own that has read nothing else."""

from __future__ import annotations

import importlib
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import torch
from torch import Tensor, nn

from unix_exp.bench.chips import process_memory
from unix_exp.deploy.answering import Answer

# One process imports PyTorch and is then copied for each network: its threads have not begun, so that is safe.
METHOD = "forkserver"
HOW = (
    "peak memory is what a process of its own held at most beyond what it held before it read the network; on a GPU, "
    "what PyTorch held there"
)


def peaks(
    again: Callable[[], Answer], example: Tensor, batches: Sequence[int], threads: int, needs: Sequence[str] = ()
) -> dict[int, int] | None:
    """Bytes by the size of the batch; None where the system offers no such process, or ended it."""
    if METHOD not in multiprocessing.get_all_start_methods():
        return None
    context = multiprocessing.get_context(METHOD)
    context.set_forkserver_preload([__name__, "unix_exp.deploy.entrants"])
    kind = tuple(example.shape[1:]), example.dtype, str(example.device)
    deaf = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the command, which ends it
    with ProcessPoolExecutor(1, context, deaf) as alone:
        try:
            return alone.submit(held, again, *kind, sorted(batches), threads, tuple(needs)).result()
        except BrokenProcessPool:
            return None


@torch.inference_mode()
def held(
    again: Callable[[], Answer],
    shape: Sequence[int],
    dtype: torch.dtype,
    device: str,
    batches: Sequence[int],
    threads: int,
    needs: Sequence[str],
) -> dict[int, int]:
    """In that process: read the network and let it answer, the smallest batch first, as a peak never falls."""
    torch.set_num_threads(threads)
    for package in needs:
        importlib.import_module(package)
    images = {batch: torch.zeros(batch, *shape, dtype=dtype, device=device) for batch in batches}
    nn.Conv2d(3, 8, 3, padding=1).to(device)(
        torch.zeros(1, 3, 8, 8, device=device)
    )  # what PyTorch takes the first time
    before = taken(device)
    answer = again()
    found = {}
    for batch, some in images.items():
        for _ in range(2):
            answer(some)
        found[batch] = taken(device) - before
    return found


def taken(device: str) -> int:
    """The most bytes so far."""
    place = torch.device(device)
    return torch.cuda.max_memory_allocated(place) if place.type == "cuda" else process_memory()
