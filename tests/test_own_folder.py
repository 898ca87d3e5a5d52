"""What a working process notices of its own folder."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from unix_exp.run.folder import RunFolder
from unix_exp.run.history import History
from unix_exp.types import Mistake, Record


def test_a_lock_removed_while_it_is_held_stops_the_process(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with folder.alone():
        folder.still_alone()
        (tmp_path / "run" / ".lock").unlink()
        with pytest.raises(Mistake, match="was removed while this process held it"):
            folder.still_alone()
        with RunFolder(tmp_path / "run").alone(), pytest.raises(Mistake, match="was removed"):
            folder.still_alone()


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.pictures.mkdir()
    left = [tmp_path / ".checkpoint.pt.7.part", folder.pictures / ".weight-lowest.png.7.part"]
    for path in left:
        path.touch()
    with folder.alone():
        assert not any(path.exists() for path in left)


@pytest.mark.parametrize("content", [None, "", "garbage\n", '{"epoch": 1}\n{"epoch": 1}\n'])
def test_records_that_were_changed_meanwhile_are_written_again(tmp_path: Path, content: str | None) -> None:
    folder = RunFolder(tmp_path)
    history = History(folder, False, {})
    for epoch in (1, 2):
        history(Record(epoch, {"train/loss": 0.5}, None))
    if content is not None:
        folder.metrics.write_text(content)
    history.write()
    assert folder.metrics.read_text() == '{"epoch": 1, "train/loss": 0.5}\n{"epoch": 2, "train/loss": 0.5}\n'


def test_another_number_of_threads_is_another_stretch_and_is_said(tmp_path: Path) -> None:
    before, said = History(RunFolder(tmp_path), False, {}), []
    before(Record(1, {}, None))
    after = History(RunFolder(tmp_path), False, {})
    after.now["threads"] = -1
    after.restore(before.state(), 1, said.append)
    after(Record(2, {}, None))
    assert [(one["first"], one["last"]) for one in after.stretches] == [(1, 1), (2, 2)]
    assert any("threads" in line for line in said), said


def test_a_start_that_came_to_nothing_leaves_nothing(tmp_path: Path) -> None:
    runs = tmp_path / "made/runs"
    with (folder := RunFolder(runs / "run")).alone():
        folder.write_config({"seed": 0}, "python -m unix_exp.train seed=0")
        assert folder.config.read_text() == "# python -m unix_exp.train seed=0\nseed: 0\n"
    assert list(tmp_path.iterdir()) == []
    runs.mkdir(parents=True)
    with RunFolder(runs / "other").alone(), RunFolder(runs / "run").alone():
        pass
    assert list(runs.iterdir()) == [], "what was there before stays"


@pytest.mark.parametrize("name", ["failure.txt", "metrics.jsonl", "checkpoint.pt", "result.json", "notes.txt"])
def test_what_says_anything_of_a_run_stays(tmp_path: Path, name: str) -> None:
    with RunFolder(tmp_path / "run").alone():
        (tmp_path / "run" / name).touch()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {name, ".lock"}


def test_a_process_that_waited_for_one_that_came_to_nothing_begins(tmp_path: Path) -> None:
    """It locks a folder that is there, whichever of the two was quicker."""
    working, leave, waiting = (threading.Event() for _ in range(3))
    found = []

    def come_to_nothing() -> None:
        with RunFolder(tmp_path / "run").alone():
            working.set()
            leave.wait(5)

    def wait_for_it() -> None:
        with RunFolder(tmp_path / "run").alone(wait=waiting.set):
            found.append((tmp_path / "run" / ".lock").exists())

    threads = [threading.Thread(target=come_to_nothing), threading.Thread(target=wait_for_it)]
    threads[0].start()
    working.wait(5)
    threads[1].start()
    waiting.wait(5)
    leave.set()
    for thread in threads:
        thread.join(5)
    assert found == [True] and not (tmp_path / "run").exists()
