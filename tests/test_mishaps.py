"""A full disk, a folder that is removed, a killed worker: one line, and what was saved before is whole."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from common import TINY, Command, only
from PIL import Image
from starter import Starter, same_run

import unix_exp
from unix_exp.engine.runtime import Runtime
from unix_exp.run.checkpoint import Mistake, read_state, save_state, save_weights
from unix_exp.run.folder import RunFolder
from unix_exp.sinks.jsonl import Jsonl

WORDS = (*TINY, "runtime.threads=1", "distiller=supervised", "criterion=ce", "recipe.epochs=2")


@pytest.fixture(scope="module")
def whole(train: Starter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, undisturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert train(folder, WORDS).code == 0
    return folder


def one_line(said: str) -> str:
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "Traceback" not in said, said
    return errors[0]


@pytest.mark.parametrize("most", [0, *(pytest.param(most, marks=pytest.mark.long) for most in (100, 4096)), 100_000])
def test_a_disk_that_is_full_at_a_checkpoint_costs_nothing_that_was_saved(
    train: Starter, tmp_path: Path, whole: Path, most: int
) -> None:
    ended = train(tmp_path, WORDS, at="unix_exp.run.perform:save_state", call=2, most_bytes=most)
    assert ended.code == 2, ended.said
    assert "checkpoint.pt: File too large; free some space" in one_line(ended.said)
    run = next(tmp_path.glob("runs/*"))
    assert read_state(run / "checkpoint.pt")["progress"]["epoch"] == 1
    assert not list(run.glob(".*.part"))
    ended = train(tmp_path, WORDS)
    assert ended.code == 0 and "continuing after epoch 1" in ended.said
    assert same_run(whole, tmp_path)


@pytest.mark.parametrize(
    "at",
    ["unix_exp.run.folder:RunFolder.write_config", "unix_exp.sinks.jsonl:Jsonl.__call__",
     "unix_exp.run.perform:save_weights", "unix_exp.run.folder:RunFolder.finish"],
)  # fmt: skip
def test_a_disk_that_is_full_elsewhere_costs_nothing_either(
    train: Starter, tmp_path: Path, whole: Path, at: str
) -> None:
    ended = train(tmp_path, WORDS, at=at, most_bytes=10)
    assert ended.code == 2, ended.said
    assert "File too large" in one_line(ended.said)
    assert not list(tmp_path.glob("runs/*/result.json"))
    ended = train(tmp_path, WORDS)
    assert ended.code == 0, ended.said
    assert same_run(whole, tmp_path)


@pytest.mark.parametrize("when", ["record", "checkpoint", "result"])
def test_a_run_folder_that_is_removed_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command, when: str
) -> None:
    def removing(real: Any) -> Any:
        def remove(self: Any, *arguments: Any) -> None:
            shutil.rmtree("runs")
            real(self, *arguments)

        return remove

    if when == "record":
        monkeypatch.setattr(Jsonl, "__call__", removing(Jsonl.__call__))
    elif when == "result":
        monkeypatch.setattr(RunFolder, "finish", removing(RunFolder.finish))
    else:
        monkeypatch.setattr("unix_exp.run.perform.save_state", removing(save_state))
    said = command(*WORDS)
    assert said.code == 2, said
    assert "runs/" in one_line(said.err)


def test_a_read_only_folder_is_one_line_and_keeps_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = unix_exp.model("resnet8", num_classes=10)
    save_weights(tmp_path / "student.safetensors", network)
    before = (tmp_path / "student.safetensors").read_bytes()

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(30, os.strerror(30), str(self))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(Mistake, match=r"student.safetensors: Read-only file system; free some space, or choose"):
        save_weights(tmp_path / "student.safetensors", network)
    assert only(tmp_path).read_bytes() == before


def test_a_killed_worker_is_one_line(train: Starter, tmp_path: Path) -> None:
    """And a signal that all processes get ends the run as it ends one without workers."""
    for half, label, count in (("train", "a", 60), ("train", "b", 60), ("test", "a", 4), ("test", "b", 4)):
        folder = tmp_path / "images" / half / label
        folder.mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (32, 32), (number, 9, 9)).save(folder / f"{number}.png")
    words = (
        "dataset=folder", f"dataset.path={tmp_path / 'images'}", "dataset.size=32", "recipe=smoke", "recipe.batch=8",
        "logger=none", "student=resnet8", "runtime.threads=1", "distiller=supervised", "criterion=ce",
        "dataset.workers=1", "dataset.stream=true",
    )  # fmt: skip
    step = "unix_exp.engine.step:Step.__call__"
    ended = train(tmp_path, words, at=step, call=3, send=[signal.SIGKILL], to="workers")
    assert ended.code == 2, ended.said
    assert "a process that reads images was killed" in one_line(ended.said)
    ended = train(tmp_path, words, at=step, call=3, send=[signal.SIGTERM], to="all")
    assert ended.code == 75, ended.said
    assert "in epoch 1 after 3 of 15 steps, all saved" in ended.said
    assert train(tmp_path, words).code == 0


@pytest.mark.parametrize("threads", [0, 1025, 100_000, 99_999_999_999])
def test_more_threads_than_any_machine_has_are_refused(threads: int) -> None:
    with pytest.raises(Mistake, match=f"runtime.threads is {threads}; choose 1 to 1024"):
        Runtime(device="cpu", threads=threads)


@pytest.mark.parametrize("setting", [{"checkpoint_minutes": 0}, {"checkpoint_minutes": float("nan")},
                                     {"grace_seconds": 0}, {"grace_seconds": float("inf")}])  # fmt: skip
def test_times_that_mean_nothing_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(Mistake, match=f"runtime.{next(iter(setting))}"):
        Runtime(device="cpu", **setting)  # type: ignore[arg-type]


def test_a_momentum_of_another_shape_is_one_line(command: Command) -> None:
    assert command(*WORDS).code == 0
    run = only(Path("runs"))
    (run / "result.json").unlink()
    state = read_state(run / "checkpoint.pt")
    state["progress"]["epoch"] = 1
    state["optimiser"]["state"][0]["momentum_buffer"] = torch.zeros(3, 1)
    save_state(run / "checkpoint.pt", state)  # with the hash of what it holds now
    said = command(*WORDS)
    assert said.code == 2 and "momentum_buffer of weight 0 is [3, 1]" in one_line(said.err)
