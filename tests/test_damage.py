"""Every file of a run, its teacher and its stored answers, damaged: it is named in one line, or changes nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch
from alike import differences
from common import TINY
from omegaconf import DictConfig
from safetensors.torch import load_file

import unix_exp
from unix_exp.config import compose
from unix_exp.report.runs import read_run
from unix_exp.run.checkpoint import save_tensors
from unix_exp.run.folder import RunFolder
from unix_exp.run.perform import perform, performing
from unix_exp.types import Mistake

# Two stages, values per image, a memory of every image, stored answers and a teacher of its own.
READ_LATER = ("metrics.jsonl", "analysis.jsonl", "looks.json")
WORDS = (
    *TINY, "student=resnet8", "dataset.train_count=32", "dataset.test_count=24", "runtime.threads=1", "distiller=pad",
    "recipe.epochs=2", "distiller.epochs=2", "sampler=recall", "answers=stored", "answers.views=2",
)  # fmt: skip
DONE = 3  # epochs of four, of the run that is continued


def composed(*words: str) -> DictConfig:
    compose.prepare((*WORDS, *words))
    with compose.hydra_ready():
        return compose.composed((*WORDS, *words))


@pytest.fixture(scope="module")
def whole() -> DictConfig:
    return composed()


@pytest.fixture(scope="module")
def made(whole: DictConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, one that was left after its third epoch, and both of other seeds, with other teachers."""
    folder, here = tmp_path_factory.mktemp("made"), Path.cwd()
    other = composed("seed=1", "teacher.seed=7", "answers.seed=5")
    try:
        for name, what in (("whole", whole), ("other", other)):
            (folder / name).mkdir()
            os.chdir(folder / name)
            begun = performing(what)
            list(islice(begun, DONE))
            begun.close()
            shutil.copytree(folder / name, folder / f"{name}-begun")
            perform(what)
    finally:
        os.chdir(here)
    return folder


@pytest.fixture
def begun(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return entered(made / "whole-begun", tmp_path, monkeypatch)


@pytest.fixture
def finished(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return entered(made / "whole", tmp_path, monkeypatch)


def entered(made: Path, to: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, as the current folder."""
    shutil.copytree(made, to / "copy")
    monkeypatch.chdir(to / "copy")
    return to / "copy"


# What is needed to go on, and what a run goes on without.
NEEDED = (
    ("of the run", "checkpoint.pt"), ("of the run", "config.yaml"), ("of the teacher", "result.json"),
    ("of the teacher", "student.safetensors"), ("of the answers", "view-000.json"),
    ("of the answers", "view-001-*.npy"), ("of the answers", "store.json"),
)  # fmt: skip
BESIDE = (
    ("of the run", "checkpoint.previous.pt"), ("of the run", "metrics.jsonl"), ("of the run", "analysis.jsonl"),
    ("of the teacher", "checkpoint.pt"), ("of the teacher", "metrics.jsonl"), ("of the teacher", "config.yaml"),
    ("of its accuracy", "*.json"), ("of its accuracy", "*.safetensors"),
)  # fmt: skip
PLACES = {"of the run": "runs/*-s*", "of the teacher": "teachers/*-s*", "of its accuracy": "teachers/.accuracy",
          "of the answers": "answers/*"}  # fmt: skip


def found(folder: Path, place: str, name: str) -> Path:
    return sorted(folder.glob(f"{PLACES[place]}/{name}"))[0]


def truncated(path: Path, made: Path, place: str, name: str) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path, made: Path, place: str, name: str) -> None:
    path.write_bytes(b"")


def removed(path: Path, made: Path, place: str, name: str) -> None:
    path.unlink()


def flipped(path: Path, made: Path, place: str, name: str) -> None:
    content = bytearray(path.read_bytes())
    draw = random.Random(f"{place} {name}")
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def swapped(path: Path, made: Path, place: str, name: str) -> None:
    """With the same file of another run, of other answers, of another teacher."""
    shutil.copy(found(made / "other-begun", place, name), path)


def with_its_neighbour(path: Path, made: Path, place: str, name: str) -> None:
    """Of the same folder: another view, another accuracy."""
    others = [one for one in sorted(path.parent.glob(f"*{path.suffix}")) if one != path]
    if others:
        shutil.copy(others[-1], path)


def a_pipe(path: Path, made: Path, place: str, name: str) -> None:
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path, made: Path, place: str, name: str) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = (truncated, emptied, removed, flipped, swapped, with_its_neighbour, a_pipe, a_folder)
OF_PEOPLE = "of the teacher"  # its files that no other run reads, and so leaves as they are


def mistake_of(whole: DictConfig) -> str | None:
    try:
        perform(whole)
    except Mistake as mistake:
        return str(mistake)
    return None


def by_name(damage: Callable[..., None]) -> str:
    return damage.__name__


@pytest.mark.parametrize("damage", DAMAGES, ids=by_name)
@pytest.mark.parametrize(("place", "name"), NEEDED)
def test_a_damaged_file_is_named_or_changes_nothing(
    begun: Path, made: Path, whole: DictConfig, place: str, name: str, damage: Callable[..., None]
) -> None:
    path = found(begun, place, name)
    damage(path, made, place, name)
    if (said := mistake_of(whole)) is None:
        assert [one for one in differences(made / "whole", begun) if "store.json" not in one] == []
    else:
        assert path.name in said or path.parent.name in said, said
        assert "\n" not in said


@pytest.mark.parametrize("damage", [one for one in DAMAGES if one is not a_folder], ids=by_name)
def test_damage_beside_what_is_needed_changes_nothing(
    begun: Path, made: Path, whole: DictConfig, damage: Callable[..., None]
) -> None:
    """In all of these files at once."""
    paths = [(found(begun, place, name), place, name) for place, name in BESIDE]
    for path, place, name in paths:
        damage(path, made, place, name)
    perform(whole)
    left = [str(path.relative_to(begun)) for path, place, _ in paths if place == OF_PEOPLE]
    assert [one for one in differences(made / "whole", begun) if one.split()[0] not in left] == []


@pytest.mark.parametrize(("place", "name"), [one for one in BESIDE if one[0] != "of the teacher"])
def test_a_folder_in_place_of_a_file_is_named_or_changes_nothing(
    begun: Path, made: Path, whole: DictConfig, place: str, name: str
) -> None:
    path = found(begun, place, name)
    a_folder(path, made, place, name)
    if (said := mistake_of(whole)) is None:
        assert [one for one in differences(made / "whole", begun) if path.name not in one] == []
    else:
        assert path.name in said or path.parent.name in said, said


@pytest.mark.parametrize("damage", [truncated, emptied, flipped, swapped], ids=by_name)
@pytest.mark.parametrize("name", [*READ_LATER, "result.json", "student.safetensors"])
def test_a_damaged_file_of_a_finished_run_is_never_shown_without_a_word(
    finished: Path, made: Path, name: str, damage: Callable[..., None]
) -> None:
    path = found(finished, "of the run", name)
    source = made / "other" / "runs"
    if damage is swapped:
        shutil.copy(next(source.glob(f"*-s*/{name}")), path)
    else:
        damage(path, made, "of the run", name)
    if name in READ_LATER:
        run = read_run(path.parent)
        assert run.epochs is not None and run.analysis is not None
        assert (run.looks is None) == (name == "looks.json")
        assert len(run.flaws) == 1 and run.flaws[0].startswith(name)
        return
    folder = RunFolder(path.parent, path.parent.name.rpartition("-")[2])
    with pytest.raises(Mistake, match=name):
        folder.result() if name == "result.json" else unix_exp.load(path.parent)


def test_values_of_images_carry_their_hash(finished: Path, made: Path) -> None:
    folder = next(finished.glob("runs/*-s*"))
    recorded = json.loads((folder / "result.json").read_text())["files"]
    assert set(recorded) == {"metrics.jsonl", "analysis.jsonl", "looks.json", "images.safetensors"}


@pytest.mark.parametrize("weights", ["zero", "of another seed"])
def test_a_teacher_of_the_same_shape_is_not_taken_for_this_one(begun: Path, whole: DictConfig, weights: str) -> None:
    path = found(begun, "of the teacher", "student.safetensors")
    torch.manual_seed(3)
    other = {name: torch.randn(one.shape).to(one.dtype) if weights != "zero" else torch.zeros_like(one)
             for name, one in load_file(path).items()}  # fmt: skip
    save_tensors(path, other)
    with pytest.raises(Mistake, match=r"student.safetensors is not the file that its run wrote; delete \S+ to train"):
        perform(whole)


@pytest.mark.parametrize(
    "content", ['{"top1": 99.9, "top5": 99.9}', '{"top1": NaN}', '{"top1": 1e400, "check": "0"}', "[" * 100_000, "7"]
)
def test_an_accuracy_that_was_not_measured_is_not_believed(
    begun: Path, made: Path, whole: DictConfig, content: str
) -> None:
    for path in begun.glob("teachers/.accuracy/*.json"):
        path.write_text(content)
    perform(whole)
    assert differences(made / "whole", begun) == []


def test_a_copy_beside_a_run_is_not_taken_for_it(finished: Path, whole: DictConfig) -> None:
    folder = next(finished.glob("runs/*-s*"))
    copy = folder.with_name(f"backup-{folder.name}")
    shutil.copytree(folder, copy)
    (copy / "result.json").unlink()
    before = (folder / "result.json").stat().st_mtime_ns
    assert perform(whole).folder.name == folder.name
    assert (folder / "result.json").stat().st_mtime_ns == before and not (copy / "result.json").exists()


def test_the_files_of_another_run_are_refused(begun: Path, made: Path, whole: DictConfig) -> None:
    """All of them, so that each fits the others."""
    folder = next(begun.glob("runs/*-s*"))
    for path in (made / "other-begun").glob("runs/*-s*/*"):
        shutil.copy(path, folder)
    with pytest.raises(Mistake, match="is of another run"):
        perform(whole)


def test_files_have_the_permissions_of_the_umask_and_nothing_is_left(begun: Path, whole: DictConfig) -> None:
    before = os.umask(0o027)
    try:
        for left in ("runs/*-s*", "teachers/*-s*"):
            (next(begun.glob(left)) / ".checkpoint.pt.1.part").write_bytes(b"half")
        (next(begun.glob("teachers/*-s*")) / "result.json").unlink()  # it is finished again
        perform(whole)
        Path("plain").touch()
    finally:
        os.umask(before)
    folders = [next(begun.glob(f"{name}/*-s*")) for name in ("runs", "teachers")]
    written = [folder / name for folder in folders for name in ("student.safetensors", "result.json")]
    assert {path.stat().st_mode for path in written} == {Path("plain").stat().st_mode}
    assert not [left for folder in folders for left in folder.glob(".*.part")]
