"""Several runs at once on one device: how many images per second they train on in all.

Each run is a process of its own, as a launcher such as joblib starts them. All processes are ready from the beginning;
in each turn some of them train during the same seconds, and on a CPU they share its cores evenly.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch

from unix_exp.bench import case
from unix_exp.bench.measure import WARM, Spread, Watch, waiting_for
from unix_exp.bench.ours import Ours
from unix_exp.run import provenance
from unix_exp.types import Mistake

LEAD = 0.1  # seconds before a turn begins, in which it is announced to all


class Turn(NamedTuple):
    """Train with so many threads, from this moment on, by the clock that all processes share, and for so long."""

    threads: int
    start: float
    seconds: float
    block: int  # steps after which the clock is read again


def together(
    words: Sequence[str], counts: Sequence[int], rounds: int, seconds: float, block: dict[str, int], watch: Watch
) -> dict[str, Any]:
    """Images per second on the device, by the number of runs at once."""
    timed = case.read(words)  # a mistake in the words is found before any process starts
    cores, steps = torch.get_num_threads(), block[timed.runtime.place().type]
    totals: dict[int, list[float]] = {count: [] for count in counts}
    with runners(words, max(counts)) as runs:
        for turn in watch(range(rounds), "timing", rounds):
            for count in counts if turn % 2 == 0 else reversed(counts):
                now = Turn(max(1, cores // count), time.monotonic() + LEAD, seconds, steps)
                speeds = answers(runs[:count], now)
                totals[count].append(timed.recipe.batch * sum(speeds))
    alone = Spread.of(totals[counts[0]]).median
    return {
        "what": timed.what(),
        "where": {
            "hardware": timed.runtime.hardware(),
            "threads": cores,
            "versions": provenance.versions(),
            "commit": provenance.commit(),
        },
        "how": {"seconds": seconds, "warm": WARM},
        "images_per_second": {str(count): Spread.of(values)._asdict() for count, values in totals.items()},
        "over_the_first": {str(count): Spread.of(values).median / alone for count, values in totals.items()},
    }


@contextmanager
def runners(words: Sequence[str], count: int) -> Iterator[list[Connection]]:
    """Processes that are ready to train; they end afterwards."""
    context = multiprocessing.get_context("spawn")  # a GPU does not survive a fork
    lines: list[Connection] = []
    processes = []
    # Inherited by the runs: an interrupt reaches this process alone, which ends them.
    interrupts = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=run, args=(theirs, tuple(words)), daemon=True)
            process.start()
            theirs.close()  # so that this end notices when the process ends
            lines.append(ours)
            processes.append(process)
    finally:
        signal.signal(signal.SIGINT, interrupts)
    try:
        answers(lines)
        yield lines
    finally:
        for process in processes:
            process.terminate()
            process.join()


def answers(lines: Sequence[Connection], turn: Turn | None = None) -> list[float]:
    """One answer from each run; a turn is sent to all of them first."""
    try:
        for line in lines:
            if turn is not None:
                line.send(turn)
        return [line.recv() for line in lines]
    except (EOFError, OSError):
        raise Mistake(f"one of {len(lines)} runs at once has ended, perhaps out of memory; try fewer") from None


def run(line: Connection, words: Sequence[str]) -> None:
    """One process: it answers each turn with its steps per second."""
    timed = case.read(words)
    timed.data.load(timed.runtime.place())
    step, wait = Ours(timed, timed.settings), waiting_for(timed.runtime.place())
    for _ in range(WARM):
        step()
    wait()
    line.send(0.0)
    while True:
        turn: Turn = line.recv()
        torch.set_num_threads(turn.threads)
        time.sleep(max(0.0, turn.start - time.monotonic()))
        steps = 0
        while time.monotonic() < turn.start + turn.seconds:
            for _ in range(turn.block):
                step()
            wait()
            steps += turn.block
        line.send(steps / (time.monotonic() - turn.start))
