"""Every file of a run and of its teacher, damaged: it is named in one line, or changes no bit of the result."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import TINY
from starter import Ended, Starter, moment, records, same_run, starter

import unix_exp

WORDS = (*TINY, "student=resnet8", "runtime.threads=1", "runtime.analysis=true", "recipe.epochs=4")


@pytest.fixture(scope="module")
def train() -> Iterator[Starter]:
    with starter(Path(unix_exp.__file__).parents[1]) as made:
        yield made


@pytest.fixture(scope="module")
def made(train: Starter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, one that was killed after its third epoch, and one of another seed, each with a teacher."""
    folder = tmp_path_factory.mktemp("made")
    for name in ("whole", "begun", "other"):
        (folder / name).mkdir()
    assert train(folder / "whole", WORDS).code == 0
    shutil.copytree(folder / "whole" / "teachers", folder / "begun" / "teachers")
    shutil.copytree(folder / "whole" / "teachers", folder / "other" / "teachers")
    assert train(folder / "begun", WORDS, moment(3.2, 3.5)).code == -9
    assert train(folder / "other", (*WORDS, "seed=1"), moment(3.2, 3.5)).code == -9
    return folder


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flipped(share: float) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(share * (len(content) - 1))] ^= 4
        path.write_bytes(content)

    return flip


DAMAGES = {
    "truncated": truncated, "emptied": emptied,
    **{f"flipped at {share}": flipped(share) for share in (0, 0.6, 1)},
}  # fmt: skip
every_damage = pytest.mark.parametrize("damage", DAMAGES)


def copied(made: Path, name: str, to: Path) -> Path:
    shutil.copytree(made / name, to / name)
    return to / name


def one_line(ended: Ended) -> bool:
    return ended.code == 2 and "Traceback" not in ended.said


@every_damage
@pytest.mark.parametrize("name", ["checkpoint.pt", "metrics.jsonl"])
def test_a_damaged_file_of_a_run_in_progress_changes_no_bit(
    train: Starter, made: Path, tmp_path: Path, name: str, damage: str
) -> None:
    begun = copied(made, "begun", tmp_path)
    DAMAGES[damage](next(begun.glob(f"runs/*/{name}")))
    ended = train(begun, WORDS)
    assert ended.code == 0, ended.said
    assert same_run(made / "whole", begun)
    assert [record["epoch"] for record in records(begun)] == [1, 2, 3, 4]
    if name == "checkpoint.pt":
        assert "continuing from the checkpoint before it" in ended.said


@every_damage
@pytest.mark.parametrize("name", ["result.json", "student.safetensors"])
def test_a_damaged_file_of_a_teacher_is_named(
    train: Starter, made: Path, tmp_path: Path, name: str, damage: str
) -> None:
    begun = copied(made, "begun", tmp_path)
    path = next(begun.glob(f"teachers/*/{name}"))
    DAMAGES[damage](path)
    ended = train(begun, WORDS)
    if name == "result.json" and ended.code == 0:  # without one the teacher is finished again
        assert same_run(made / "whole", begun)
    else:
        assert one_line(ended) and path.name in ended.said, ended.said


@every_damage
def test_a_damaged_result_is_never_reported(train: Starter, made: Path, tmp_path: Path, damage: str) -> None:
    whole = copied(made, "whole", tmp_path)
    path = next(whole.glob("runs/*/result.json"))
    before = json.loads(path.read_text())
    DAMAGES[damage](path)
    ended = train(whole, WORDS)
    if ended.code == 0:
        now = json.loads(path.read_text())
        assert {key: now[key] for key in ("weights", "last", "best")} == {
            key: before[key] for key in ("weights", "last", "best")
        }
    else:
        assert one_line(ended) and "result.json" in ended.said, ended.said


def test_the_checkpoint_of_another_run_is_not_continued(train: Starter, made: Path, tmp_path: Path) -> None:
    begun = copied(made, "begun", tmp_path)
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        shutil.copy(next(made.glob(f"other/runs/*/{name}")), next(begun.glob(f"runs/*/{name}")))
    ended = train(begun, WORDS)
    assert one_line(ended) and "is of another run" in ended.said, ended.said


def test_the_result_of_another_run_is_refused(train: Starter, made: Path, tmp_path: Path) -> None:
    begun = copied(made, "begun", tmp_path)
    folder = next(begun.glob("runs/*"))
    shutil.copy(next(made.glob("whole/teachers/*/result.json")), folder / "result.json")
    ended = train(begun, WORDS)
    assert one_line(ended) and "is of another run" in ended.said, ended.said


@pytest.mark.parametrize("content", ['{"top1": 99.9, "top5": 99.9}', "[" * 100_000])
def test_an_accuracy_that_was_not_measured_is_not_believed(
    train: Starter, made: Path, tmp_path: Path, content: str
) -> None:
    begun = copied(made, "begun", tmp_path)
    for path in begun.glob("teachers/.accuracy/*.json"):
        path.write_text(content)
    assert train(begun, WORDS).code == 0
    teachers = [
        json.loads(next(one.glob("runs/*/result.json")).read_text())["teacher"] for one in (made / "whole", begun)
    ]
    assert teachers[0] == teachers[1]


def test_a_copy_beside_a_run_is_not_taken_for_it(train: Starter, made: Path, tmp_path: Path) -> None:
    whole = copied(made, "whole", tmp_path)
    folder = next(whole.glob("runs/*"))
    copy = folder.with_name(f"backup-{folder.name}")
    shutil.copytree(folder, copy)
    (copy / "result.json").unlink()
    ended = train(whole, WORDS)
    assert ended.code == 0 and "is finished" in ended.said
    assert not (copy / "result.json").exists()


def test_files_have_the_permissions_of_the_umask_and_nothing_is_left(
    train: Starter, made: Path, tmp_path: Path
) -> None:
    begun = copied(made, "begun", tmp_path)
    folder = next(begun.glob("runs/*"))
    (folder / ".checkpoint.pt.1.part").write_bytes(b"half")
    assert train(begun, WORDS).code == 0
    (folder / "plain").touch()
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in folder.iterdir() if path.is_file() and path.name != ".lock"
    }
    assert set(modes.values()) == {modes["plain"]}, modes
    assert not list(folder.glob(".*.part"))
    assert os.path.exists(folder / "result.json")
