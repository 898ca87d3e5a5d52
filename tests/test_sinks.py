"""Where a run's records go beside its own files: one place or several, whole after a kill, never the end of a run."""

from __future__ import annotations

import csv
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import mirrored
import pytest
import wandb
from common import MIRRORED, Command, only
from made_looks import picture

from unix_exp.cli.help_on import Asked, of_word
from unix_exp.registry import sinks
from unix_exp.sinks import several
from unix_exp.sinks.jsonl import line_of
from unix_exp.sinks.sink import Left, Picture, RunInfo
from unix_exp.types import Mistake, Record

FLAT = {"wandb": True, "tensorboard": True, "csv": True, "project": "mine", "images": 4}


def run_in(folder: Path, said: list[str] | None = None) -> RunInfo:
    return RunInfo(folder, "0123", folder.name, "group", (), {}, False, (said if said is not None else []).append)


def record(epoch: int) -> Record:
    """Accuracy in every second epoch."""
    values = {"train/loss": 1 / epoch} | ({"test/top1": 10.0 * epoch} if epoch % 2 == 0 else {})
    return Record(epoch, values)


def recorded(folder: Path, epochs: int) -> None:
    """As a run's history leaves its file, before a continued run opens its sinks."""
    (folder / "metrics.jsonl").write_text("".join(line_of(record(epoch), "values") for epoch in range(1, epochs + 1)))


def test_settings_lie_flat_and_each_sink_takes_its_own() -> None:
    assert several.chosen(FLAT) == {
        "wandb": {"project": "mine", "images": 4}, "tensorboard": {"images": 4}, "csv": {},
    }  # fmt: skip
    assert "project" in several.chosen(FLAT | {"csv": False})["wandb"]
    assert several.chosen(FLAT | {"wandb": False, "csv": False}) == {"tensorboard": {"images": 4}}
    assert several.chosen({"name": "csv"}) == {"csv": {}}, "as older records and plug-ins write one"
    assert several.chosen({"csv": False}) == {}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (FLAT | {"projct": 1}, "none of the loggers csv, tensorboard, wandb has a setting 'projct'; did you mean"),
        (FLAT | {"images": 65}, "logger.images is 65; choose 0 to 64"),
        ({"csv": 3}, "logger.csv is 3; it must be true or false"),
        ({"csv": True, "images": 3}, "logger 'csv' has no setting 'images'"),
        ({}, "logger is not chosen; give logger=NAME"),
        ({"name": ["csv"]}, "no sink"),
    ],
)
def test_a_mistake_in_them_is_named(settings: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(several, "find_spec", lambda name: "there")
    with pytest.raises(Mistake, match=said.replace("[", r"\[")):
        several.check(settings)


def test_a_package_that_is_missing_is_named_before_anything_is_made(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(several, "find_spec", lambda name: None)
    words = [word for word in MIRRORED if not word.startswith("teacher")]
    said = command(*words, "experiment=scratch", "logger=[tensorboard,csv]")
    assert said.code == 2
    assert (
        said.err == "error: logger 'tensorboard' needs the package tensorboard; pip install 'unix_exp[tensorboard]'\n"
    )
    assert not Path("runs").exists()


def test_a_table_holds_every_epoch_once_after_a_kill(tmp_path: Path) -> None:
    first = sinks["csv"](run_in(tmp_path))
    for epoch in (1, 2, 3):
        first(record(epoch))  # the third one's checkpoint was not written
    recorded(tmp_path, 3)
    assert table(tmp_path) == lines(tmp_path), "values that come later have their column from the beginning"
    recorded(tmp_path, 2)
    again = sinks["csv"](run_in(tmp_path))
    for epoch in (3, 4):
        again(record(epoch))
    recorded(tmp_path, 4)
    assert table(tmp_path) == lines(tmp_path)
    assert [path.name for path in tmp_path.glob("*csv*")] == ["metrics.csv"]


def table(folder: Path) -> list[dict[str, float]]:
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [{key: json.loads(value) for key, value in row.items() if value} for row in rows]


def lines(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_event_files_hold_every_epoch_once_after_a_kill(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    first = sinks["tensorboard"](run_in(tmp_path))
    for epoch in (1, 2, 3, 4):
        first(record(epoch))
    shown = EventAccumulator(str(tmp_path / "tensorboard")).Reload()  # a program that is looking meanwhile
    recorded(tmp_path, 2)
    again = sinks["tensorboard"](run_in(tmp_path), images=1)
    again(record(3))
    content = b64decode(picture(3, 16))
    again.finished(lambda: Left(tmp_path, [], 2 * [Picture("60 % cat, 40 % dog", content)]))
    again.close(failed=False)
    for reader in (shown.Reload(), EventAccumulator(str(tmp_path / "tensorboard")).Reload()):
        assert [(one.step, one.value) for one in reader.Scalars("test/top1")] == [(2, 20.0)]
        assert [one.step for one in reader.Scalars("train/loss")] == [1, 2, 3]
        assert reader.Tags()["images"] == ["mixed/1: 60 % cat, 40 % dog"]
    assert [path.stat().st_size > 0 for path in sorted((tmp_path / "tensorboard").iterdir())] == [False, True]
    sinks["tensorboard"](run_in(tmp_path)).close(failed=False)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 2, "an empty one is not kept for long"


@pytest.mark.parametrize("name", ["csv", "tensorboard"])
def test_a_place_that_cannot_be_written_to_stops_only_the_copy(tmp_path: Path, name: str) -> None:
    pytest.importorskip("tensorboard")
    (tmp_path / "metrics.csv").mkdir()
    (tmp_path / "tensorboard").write_text("a file where a folder should be")
    said: list[str] = []
    mirror = sinks[name](run_in(tmp_path, said))
    mirror(record(1))
    mirror.summarise({})
    mirror.close(failed=False)
    (line,) = said
    assert " stopped (" in line and line.endswith("the run goes on without it, its records are in its folder")


@pytest.mark.parametrize("name", ["csv", "tensorboard"])
def test_a_record_that_cannot_be_read_stops_only_the_copy(tmp_path: Path, name: str) -> None:
    pytest.importorskip(name)
    (tmp_path / "metrics.jsonl").write_text("{\n")
    said: list[str] = []
    mirror = sinks[name](run_in(tmp_path, said))
    mirror(record(2))
    mirror.close(failed=False)
    (line,) = said
    assert line.endswith("the run goes on without it, its records are in its folder")


class Diary:
    """A sink that takes records alone, and may fail."""

    def __init__(self, told: list[str], fails: str = "") -> None:
        self.told, self.fails = told, fails

    def __call__(self, record: Record) -> None:
        self.told.append("record")

    def summarise(self, result: dict[str, Any]) -> None:
        self.told.append("result")

    def close(self, failed: bool) -> None:
        self.told.append(f"closed {failed}")
        if self.fails == "close":
            raise OSError("the disk is full")


def test_all_are_closed_whatever_one_of_them_raises() -> None:
    whole, told = several.Several(), list[str]()
    whole.sinks = [Diary(told, fails="close"), Diary(told)]
    whole(record(1))
    whole.finished(lambda: pytest.fail("nobody asks what is left"))
    with pytest.raises(OSError, match="full"):
        whole.close(failed=False)
    assert told == ["record", "record", "closed False", "closed True"]


@pytest.mark.usefixtures("no_key", "finished")
def test_several_loggers_of_one_run_and_what_wandb_may_take_at_its_end(command: Command) -> None:
    folder = only(Path("runs"), "*-s*")
    (folder / "result.json").unlink()  # its training is over: it is finished once more, and logged
    said = command(*MIRRORED, "logger=[wandb,csv]", "logger.per_class=true", "logger.artifact=true", "logger.images=3")
    assert said.code == 0, said.err
    assert table(folder) == lines(folder) and len(table(folder)) == 1
    assert "stopped" not in said.out
    wandb.teardown()  # its process writes all that is left
    history = mirrored.read(folder).history
    shown = {key: one for line in history for key, one in line.items() if not key.startswith("_")}
    assert {key.partition("/")[0] for key in shown} == {"per_class", "mixed"}
    (made,) = folder.glob("wandb/offline-run-*")
    (of_classes,) = made.glob("files/media/table/*.json")
    rows = json.loads(of_classes.read_text())["data"]
    (analysis,) = (json.loads(line) for line in (folder / "analysis.jsonl").read_text().splitlines())
    assert [row[1] for row in rows] == analysis["accuracy_per_class"]
    assert [row[2] for row in rows] == analysis["drawn_per_class"]
    assert len(list(made.glob("files/media/images/**/*.png"))) == 3
    assert [one.count(" % ") for one in shown["mixed/captions"]] == 3 * [2]
    assert any(b"student.safetensors" in path.read_bytes() for path in made.glob("*.wandb")), "the artifact"
    assert not list(Path(".local").rglob("*")), "nothing lands in the home folder"


def test_help_lists_the_settings_of_each_logger_that_is_named() -> None:
    said = "\n".join(of_word("logger=[wandb,csv]", Asked([], None)))
    assert [said.count(one) for one in ("logger=wandb", "logger.per_class=false", "logger=csv")] == [1, 1, 1]
