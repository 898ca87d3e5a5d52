"""How the tests are run: in two processes, by a third that hands them out and needs no PyTorch for that."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that tests start, too

import pytest
from starter import Starter, starter

import unix_exp

gc.disable()  # while tests are imported and collected: most of what is made then stays

STARTER = pytest.StashKey[Starter]()


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("dist", "no") == "no" or hasattr(config, "workerinput"):  # here tests are run
        config.pluginmanager.import_plugin("common")
    if hasattr(config, "workerinput"):  # what is imported from here on has ended by then; freeing it all takes seconds
        atexit.register(end_at_once, os.getpid())


def end_at_once(worker: int) -> None:
    if os.getpid() == worker:  # and not a fork of it
        os._exit(0)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for several files; one file begins sooner in this one, and can be debugged."""
    return 0 if len(config.args) == 1 and ".py" in config.args[0] else 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """What commands are forks of is started once for both."""
    if not config.option.collectonly:
        shared = ExitStack()
        config.stash[STARTER] = shared.enter_context(starter(Path(unix_exp.__file__).parents[1]))
        config.add_cleanup(shared.close)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    if (shared := node.config.stash.get(STARTER, None)) is not None:
        node.workerinput["starter"] = str(shared.place)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files whose tests start processes come first: they take longest, and the two processes are to end together."""
    long = {item.path for item in items if "train" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path not in long)


def pytest_collection_finish() -> None:
    """Before the first test: runs share their trials; garbage is collected, seldom, and not what was imported."""
    if "unix_exp.run.plan" in sys.modules:  # else few of these tests train, if any
        import trials

        trials.shared()
    gc.freeze()
    gc.set_threshold(2000, 20, 50)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """What could not be freed would be looked for five times, among all that was ever made."""
    gc.collect()
    gc.freeze()
