"""What the tests share: a place of their own, tiny commands, and what they print."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from unix_exp import train

torch.set_num_threads(1)  # networks and batches this small lose more by sharing than they gain

TINY = (
    "teacher=resnet8", "student=wrn_16_1", "dataset=shapes", "dataset.train_count=96", "dataset.test_count=48",
    "recipe=smoke", "recipe.batch=16", "teacher_recipe.batch=16", "logger=none",
)  # fmt: skip


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Command = Callable[..., Said]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Type `unix-exp WORDS` in an empty folder; returns the exit code and what was printed."""
    monkeypatch.chdir(tmp_path)

    def type_it(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["unix-exp", *words])
        with pytest.raises(SystemExit) as ended:
            train.main()
        return Said(int(ended.value.code or 0), *capfd.readouterr())

    return type_it


@pytest.fixture
def tiny(command: Command) -> Command:
    """A run of seconds, with changes."""
    return lambda *words: command(*TINY, *words)


def only(folder: Path, pattern: str = "*") -> Path:
    """The one thing there."""
    found = [path for path in folder.glob(pattern) if not path.name.startswith(".")]
    assert len(found) == 1, found
    return found[0]
