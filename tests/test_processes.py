"""Several processes train what one trains: every registered method, its selection, statistics and memory."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from assembled import Case, once_each, plugged_in
from processes import FINE_TUNED, FINE_TUNING, together, trained
from starter import Starter

__all__ = ["plugged_in"]


@pytest.fixture(scope="module")
def by_two(train: Starter, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("two") / "trained.pt"
    together(train.python, 2, "processes", str(out))
    return torch.load(out, weights_only=False)


def explained(name: str, text: str) -> str:
    return f"{name}: {text}"


@pytest.mark.parametrize("case", once_each(), ids=str)
def test_two_processes_train_what_one_trains(case: Case, by_two: dict[str, Any]) -> None:
    compare(trained(case), by_two[str(case)])


def test_two_processes_fine_tune_what_one_fine_tunes(by_two: dict[str, Any]) -> None:
    compare(trained(FINE_TUNED, FINE_TUNING), by_two["fine-tuned"])


def compare(alone: dict[str, Any], two: dict[str, Any]) -> None:
    assert two["steps"] == alone["steps"]
    assert two["state"].keys() == alone["state"].keys()
    for name, value in alone["state"].items():
        torch.testing.assert_close(two["state"][name], value, rtol=1e-3, atol=1e-4, msg=partial(explained, name))
    for ours, theirs in zip(alone["records"], two["records"], strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            if not name.startswith("time/"):
                assert theirs[name] == pytest.approx(ours[name], rel=1e-4, abs=1e-5), name
