"""Signals that end a command at a point where nothing is lost.

SIGTERM, SIGUSR1, SIGHUP and Ctrl-C raise `Stopped`: at once where nothing is at stake, and inside `deferred` only where
the work itself calls `check`. A thread ends the process if that takes longer than the grace, or at a second Ctrl-C.
Only commands listen; a program that calls the package keeps its own signals.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

INTERRUPTED = 130  # the exit code after Ctrl-C, as shells have it
TEMPORARY = 75  # EX_TEMPFAIL: ended before it was done, and the same command continues
GRACE = 20.0  # seconds; Slurm and Kubernetes kill after 30
ECHO = 0.3  # seconds within which signals are one: a terminal and a launcher both pass Ctrl-C on

SIGNALS = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)


class Stopped(KeyboardInterrupt):
    """A signal asked for the end. Like Ctrl-C it is no Exception, so nothing takes it for an error."""

    def __init__(self, number: int, where: str = "") -> None:
        super().__init__(number)
        self.number, self.where = number, where

    @property
    def code(self) -> int:
        return exit_code(self.number)

    def __str__(self) -> str:
        return words(self.number) + (f" {self.where}" if self.where else "")


class Asked:
    """What signals have asked of this process."""

    def __init__(self) -> None:
        self.number: int | None = None  # of the first signal
        self.last = 0.0  # when the latest one came
        self.raised = False
        self.deferring = 0
        self.grace = GRACE
        self.before: dict[int, Any] = {}  # the handlers of these signals, while a command listens


asked = Asked()


def exit_code(number: int) -> int:
    return INTERRUPTED if number == signal.SIGINT else TEMPORARY


def words(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"


def check() -> None:
    """Raise `Stopped` if a signal has come: called where all that was done can be saved."""
    if asked.number is not None:
        asked.raised = True
        raise Stopped(asked.number)


@contextmanager
def deferred(grace: float | None = None) -> Iterator[None]:
    """Inside, signals wait for `check`, for so many seconds."""
    check()
    asked.grace = GRACE if grace is None else grace
    asked.deferring += 1
    try:
        yield
    finally:
        asked.deferring -= 1


def done() -> None:
    """Nothing is left that a signal could stop: from now on it changes neither the end nor the exit code."""
    asked.raised = True


@contextmanager
def kept() -> Iterator[None]:
    """Let no error stand for a stop: code of others may fail while it cleans up after one, and its error comes here."""
    try:
        yield
    except Exception as error:
        if (stop := behind(error)) is not None:
            raise stop from None
        raise


def behind(error: BaseException) -> Stopped | None:
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, Stopped):
        seen = seen.__cause__ or seen.__context__
    return seen


@contextmanager
def listening() -> Iterator[None]:
    """Hear signals until the command ends; those that the process was started to ignore, as by nohup, stay ignored.

    One that comes while this begins is kept for `check`.
    """
    if threading.current_thread() is not threading.main_thread() or asked.before:
        yield
        return
    heard = [number for number in SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    other = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watching = threading.Thread(target=watch, args=(reading,), name="signals", daemon=True)
    asked.deferring += 1
    asked.before = {number: signal.signal(number, hear) for number in heard}
    try:
        watching.start()
        asked.deferring -= 1
        yield
    finally:
        if asked.number is not None:  # the rest of a burst finds this handler, not Python's, which raises
            time.sleep(max(0.0, asked.last + ECHO - time.monotonic()))
        signal.set_wakeup_fd(other)
        for number, handler in asked.before.items():
            signal.signal(number, handler)
        os.close(writing)
        watching.join(1)
        asked.__init__()  # type: ignore[misc]


def hear(number: int, frame: Any) -> None:
    asked.last = time.monotonic()
    if asked.number is None:
        asked.number = number
    if not asked.deferring and not asked.raised:
        asked.raised = True
        raise Stopped(asked.number)


def watch(reading: int) -> None:
    """In a thread: end the process when its time is over, even while the main thread computes or waits for a disk."""
    first, since = None, 0.0
    while True:
        left = None if first is None else max(0.0, since + asked.grace - time.monotonic())
        if not select.select([reading], [], [], left)[0]:
            assert first is not None
            end(exit_code(first), f"{words(first)}, and not done after {asked.grace:g} s; the last checkpoint is kept")
        if not (numbers := os.read(reading, 64)):
            os.close(reading)
            return
        for number in numbers:
            if number not in asked.before:
                continue  # another's signal, such as a child's end
            if first is None:
                first, since = number, time.monotonic()
            elif number == signal.SIGINT and time.monotonic() > since + ECHO:
                end(INTERRUPTED, "interrupted at once; the last checkpoint is kept")


def end(code: int, why: str) -> None:
    with suppress(OSError):
        os.write(2, f"\n{why}; the same command continues\n".encode())
    os._exit(code)


def leave_to_parent() -> None:
    """In a worker process: a signal that goes to the whole group is the parent's, which still needs its workers."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def forget() -> None:
    """In a fork: the parent alone decides what its signals mean."""
    if asked.before:
        signal.set_wakeup_fd(-1)
        for number, handler in asked.before.items():
            signal.signal(number, handler)
        asked.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)
