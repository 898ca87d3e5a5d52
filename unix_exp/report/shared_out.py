"""Work on many things of one kind, shared out among the machine's cores.

shared_out(work, things) -> [work(thing), ...]    in the order of the things, as a plain loop would do it
"""

from __future__ import annotations

import gc
import multiprocessing
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from unix_exp.config import cores

T = TypeVar("T")
R = TypeVar("R")
WORTH_IT = 100  # things; fewer take less time than the processes do
AT_ONCE = 25  # things that a process gets at a time

_here: list[Any] = []  # in a process of the pool: the work and the things, which it has from its parent's memory


def shared_out(work: Callable[[T], R], things: Sequence[T]) -> list[R]:
    """What `work` changes in a thing stays in the process that did it; only what it returns comes back."""
    processes = min(cores.usable(), len(things) // AT_ONCE)
    if len(things) < WORTH_IT or processes < 2 or not forks_are_safe():
        return list(map(work, things))
    context = multiprocessing.get_context("fork")  # nothing is sent to the processes: they begin as copies
    gc.collect()
    gc.freeze()  # a process that looked for garbage in what it has from here would copy it all
    with ProcessPoolExecutor(processes, context, begin, (work, things)) as pool:
        try:
            return list(pool.map(do, range(len(things)), chunksize=AT_ONCE))
        except BrokenProcessPool:  # the system ended one, as it does when memory runs out
            pass
        finally:
            gc.unfreeze()
    return list(map(work, things))


def forks_are_safe() -> bool:
    """On Linux, and only without other threads: a lock that one holds would never open in the copy."""
    return sys.platform == "linux" and threading.active_count() == 1 and "torch" not in sys.modules


def begin(work: Callable[[Any], Any], things: Sequence[Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the command, which ends its processes
    _here[:] = work, things


def do(place: int) -> Any:
    work, things = _here
    return work(things[place])
