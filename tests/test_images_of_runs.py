"""A run belongs to the images it began with: other images under the same names end it in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from common import TINY, Command, only
from pictures import of_equal_size, paint_folder

from unix_exp.config import compose
from unix_exp.registry import datasets
from unix_exp.run import images
from unix_exp.run.perform import performing

WORDS = [word for word in TINY if not word.startswith(("dataset", "student"))]
WORDS += ["student=resnet8", "dataset=folder", "dataset.path=images", "recipe.epochs=2", "teacher_recipe.epochs=1"]
WORDS += ["recipe.batch=8", "teacher_recipe.batch=8", "runtime.threads=1"]


@pytest.fixture
def train(command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setattr(images, "SAID", set())
    paint_folder(Path("images"), 8, 4, side=32)
    return lambda *words: command(*WORDS, *words)


def begun(*words: str) -> None:
    """The first epoch of a run."""
    with compose.hydra_ready():
        epochs = performing(compose.composed([*WORDS, *words]))
        next(epochs)
        epochs.close()


def replace(name: str) -> bytes:
    before = Path("images", name).read_bytes()
    of_equal_size(Path("images", name), 999, side=32)
    return before


def refused(train: Command, *words: str) -> str:
    said = train(*words)
    assert said.code == 2, said
    (line,) = said.err.splitlines()
    return line


def test_a_finished_run_and_its_teacher_know_their_images(train: Command) -> None:
    assert train().code == 0
    run, teacher = only(Path("runs")), only(Path("teachers"), "resnet8-*")
    result = json.loads((run / "result.json").read_text())
    assert result["images"] == datasets.make("folder", {"path": "images"}).content_hash()
    before = replace("train/dog/3.png")
    assert refused(train) == (
        f"error: {run} was made of other images of the same names and sizes: train/dog/3.png is not what it was; put "
        f"the former files back, or move {run} away to begin again on the files as they are"
    )
    assert f"{teacher} was made of other images" in refused(train, "seed=1"), "a teacher that saw other images"
    Path("images/train/dog/3.png").write_bytes(before)
    said = train()
    assert said.code == 0 and "is finished" in said.out


def test_a_run_is_not_continued_on_other_images(train: Command) -> None:
    words = ("experiment=scratch",)
    begun(*words)
    before = [replace(f"test/cat/{number}.png") for number in range(4)]
    line = refused(train, *words)
    assert "test/cat/0.png, test/cat/1.png, test/cat/2.png and 1 more are not what they were" in line
    for path in Path("data/cache").iterdir():
        path.unlink()
    assert "some are not what they were" in refused(train, *words), "where the list of the former is gone"
    for number, content in enumerate(before):
        Path(f"images/test/cat/{number}.png").write_bytes(content)
    said = train(*words)
    assert said.code == 0 and "continuing after epoch 1" in said.out


@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_bad_image_ends_a_command_before_there_is_a_folder(train: Command, stream: str) -> None:
    path = Path("images/test/dog/2.png")
    path.write_bytes(path.read_bytes()[:1000])
    line = refused(train, f"dataset.stream={stream}")
    assert line.endswith("images/test/dog/2.png' can't be read as an image (OSError); repair or remove it")
    assert not Path("runs").exists() and not Path("teachers").exists()


def test_an_unwritable_cache_ends_a_command_before_there_is_a_folder(train: Command) -> None:
    line = refused(train, "dataset.cache=images/train/dog/0.png")
    assert "dataset.cache can't be written at" in line
    assert not Path("runs").exists() and not Path("teachers").exists()


def test_what_is_odd_about_the_images_is_said_once(train: Command) -> None:
    shutil.rmtree("images/test")
    shutil.copytree("images/train", "images/test")
    said = train("experiment=kd", "recipe.epochs=1")
    assert said.code == 0
    (line,) = (line for line in said.lines if line.startswith("note: "))
    assert line.startswith("note: 16 of 16 test images are training images too (test/cat/0.png is train/cat/0.png)")


def test_answers_are_of_the_images_that_the_teacher_saw(train: Command) -> None:
    assert train("experiment=scratch", "recipe.epochs=1").code == 0
    shutil.copy(only(Path("runs")) / "student.safetensors", "teacher.safetensors")
    words = ("experiment=kd_stored", "answers.views=1", "recipe.epochs=1", "teacher.checkpoint=teacher.safetensors")
    assert train(*words).code == 0
    replace("train/dog/3.png")
    line = refused(train, *words, "seed=1")
    assert line.startswith("error: answers/") and "train/dog/3.png is not what it was" in line
