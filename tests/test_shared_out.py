"""Work shared out among processes comes back as a plain loop would have done it."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: this one has threads and PyTorch, with which nothing is forked.
BEGIN = "import os; from unix_exp.report import shared_out as it; it.cores.usable = lambda: 2; parent = os.getpid(); "


def said(words: str) -> str:
    outcome = subprocess.run([sys.executable, "-c", BEGIN + words], capture_output=True, text=True, timeout=60)
    return outcome.stdout + outcome.stderr.strip()[-300:]


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")
@pytest.mark.parametrize(("things", "processes"), [(260, 2), (99, 1)])
def test_each_thing_is_worked_on_once_and_in_order(things: int, processes: int) -> None:
    words = f"import time; work = lambda one: (time.sleep(0.002), one * 2, os.getpid())[1:]; " \
            f"found = it.shared_out(work, range({things})); " \
            "print([one for one, _ in found] == [2 * one for one in range(len(found))], len(found), " \
            "len({which for _, which in found}), parent in {which for _, which in found})"  # fmt: skip
    assert said(words).split() == ["True", str(things), str(processes), str(processes == 1)]


def test_an_error_in_another_process_ends_this_one() -> None:
    assert said("it.shared_out(lambda one: 1 // (150 - one), range(200))").endswith("by zero")


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")
def test_a_process_that_is_killed_costs_time_and_nothing_else() -> None:
    words = "import signal\n" \
            "def work(one):\n" \
            "    if one == 120 and os.getpid() != parent: os.kill(os.getpid(), signal.SIGKILL)\n" \
            "    return one\n" \
            "print(it.shared_out(work, range(200)) == list(range(200)))"  # fmt: skip
    assert said("pass\n" + words).strip() == "True"


def test_a_process_with_threads_is_not_copied() -> None:
    words = "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start(); " \
            "print({which == parent for which in it.shared_out(lambda one: os.getpid(), range(200))})"  # fmt: skip
    assert said(words).strip() == "{True}"
