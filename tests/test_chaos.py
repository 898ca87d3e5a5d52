"""make chaos, in small; and that it would notice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from alike import differences
from chaos import TINY, chaos
from starter import Starter

from unix_exp.run.checkpoint import read_state, save_state

QUICK = ("dataset.train_count=48", "recipe.epochs=2", "teacher_recipe.epochs=2")


def test_a_sweep_that_is_killed_and_stopped_ends_as_an_undisturbed_one(
    train: Starter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A memory, stored answers and a teacher; make chaos does it 70 times, with two stages and learned weights too."""
    words = ("-m", *TINY, *QUICK, "experiment=recall_stored")
    failed = chaos(2, 1, seed=3, place=tmp_path / "chaos", words=words, made=train)
    said = capsys.readouterr().out
    assert failed == 0, said
    assert "2 kills and 1 SIGTERMs" in said and "none lost, none repeated, all bit-equal" in said


def weight(folder: Path) -> None:
    path = folder / "runs" / "a" / "checkpoint.pt"
    state = read_state(path)
    state["method"]["w"][0] = torch.nextafter(state["method"]["w"][0], torch.tensor(2.0))
    save_state(path, state)


def accuracy(folder: Path) -> None:
    path = folder / "runs" / "a" / "result.json"
    path.write_text(path.read_text().replace("51.5", "51.6"))


def doubled(folder: Path) -> None:
    path = folder / "runs" / "a" / "metrics.jsonl"
    path.write_text(2 * path.read_text())


def left(folder: Path) -> None:
    (folder / "runs" / "a" / ".checkpoint.pt.7.part").touch()


def lost(folder: Path) -> None:
    shutil.rmtree(folder / "runs" / "a")


def nothing(folder: Path) -> None:
    """But times."""
    path = folder / "runs" / "a" / "metrics.jsonl"
    path.write_text(path.read_text().replace("0.25", "0.75"))


@pytest.mark.parametrize("change", [weight, accuracy, doubled, left, lost, nothing], ids=lambda change: change.__name__)
def test_what_differs_is_noticed(change: Callable[[Path], None], tmp_path: Path) -> None:
    for name in ("one", "other"):
        folder = tmp_path / name / "runs" / "a"
        folder.mkdir(parents=True)
        line = json.dumps({"epoch": 1, "test/top1": 51.5, "time/epoch_seconds": 0.25}) + "\n"
        (folder / "metrics.jsonl").write_text(line)
        (folder / "result.json").write_text(json.dumps({"last": {"top1": 51.5}, "time": {"train_seconds": 0.25}}))
        kept = {"method": {"w": torch.ones(2)}, "progress": {"epoch": 1, "seconds": 0.25}}
        save_state(folder / "checkpoint.pt", {**kept, "history": {"lines": {"values": line}}})
    change(tmp_path / "other")
    assert bool(differences(tmp_path / "one", tmp_path / "other")) == (change is not nothing)
