"""A command that fails or is stopped before its first epoch leaves no folder behind, unless it failed by a bug."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from common import SHORT, Command, only

from unix_exp.run.folder import RunFolder
from unix_exp.types import Mistake

ALONE = (*SHORT, "experiment=scratch")


def raising(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (ALONE, Mistake("there are no images")),
        (ALONE, KeyboardInterrupt()),
        ((*SHORT, "experiment=kd"), Mistake("the teacher's images are gone")),
        ((*SHORT, "experiment=kd"), KeyboardInterrupt()),
    ],
    ids=["a mistake", "Ctrl-C", "the teacher's mistake", "Ctrl-C before the teacher's first epoch"],
)
def test_a_start_that_failed_leaves_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], error: BaseException
) -> None:
    monkeypatch.setattr("unix_exp.run.perform.make_ready", raising(error))
    said = command(*words)
    assert said.code == (130 if isinstance(error, KeyboardInterrupt) else 2), said.err
    assert list(Path().iterdir()) == []


def test_a_disk_that_is_full_at_once_leaves_nothing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunFolder, "write_config", raising(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x")))
    assert "No space left on device" in command(*ALONE).err
    assert list(Path().iterdir()) == []


def test_the_traceback_of_a_bug_is_kept(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unix_exp.run.perform.make_ready", raising(ZeroDivisionError("a bug")))
    assert command(*ALONE).code == 1
    assert "ZeroDivisionError: a bug" in (only(Path("runs")) / "failure.txt").read_text()


def test_a_sweep_whose_jobs_fail_leaves_no_folder_of_them(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unix_exp.run.perform.make_ready", raising(Mistake("there are no images")))
    said = command("-m", *ALONE, "seed=0,1")
    assert said.code == 1 and said.err.count("failed: job") == 2
    assert not [path for path in Path("runs").iterdir() if not path.name.startswith(".")]
