"""Folders as people have them: what is found is what is there, or one line says why not."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some
from pictures import paint

from unix_exp.config import compose
from unix_exp.config.identity import what_determines
from unix_exp.data.files import find_images, identify
from unix_exp.data.held_out import Apart, held_out
from unix_exp.data.layouts import listing_of
from unix_exp.data.listing import Listing
from unix_exp.data.streamed import usual_workers
from unix_exp.registry import datasets
from unix_exp.types import Mistake

PLAIN = Apart(None, 0.0, 0)
HALF_OF = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
FOLDERS = ["train", "Train", "training", "test", "TEST", "val", "valid", "validation", "cat", "dog", "Cat", ".git"]
FILES = ["1.png", "2.JPG", "3.jpeg", "4.bmp", "5.gif", "6.webp", "7.txt", "8.tif", ".9.png"]
IMAGES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp")


def trees() -> some.SearchStrategy[set[tuple[str, ...]]]:
    """Files by their paths; most in halves and classes, some anywhere."""
    halves = some.sampled_from([["train", "test"], ["Train", "valid"], ["train", "val", "test"], ["train"], []])
    usual = halves.flatmap(
        lambda found: some.sets(
            some.tuples(*[some.sampled_from(found)] * bool(found), some.sampled_from(["cat", "dog"]),
                        some.sampled_from(FILES)), max_size=40)
    )  # fmt: skip
    odd = some.sets(
        some.lists(some.sampled_from(FOLDERS), max_size=3).flatmap(
            lambda place: some.sampled_from(FILES).map(lambda name: (*place, name))
        ),
        max_size=6,
    )
    return some.one_of(usual, odd, some.tuples(usual, odd).map(lambda both: both[0] | both[1]))


def grown(root: Path, files: set[tuple[str, ...]]) -> str:
    for file in files:
        path = root.joinpath(*file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return str(root)


def images_below(root: str) -> list[tuple[str, ...]]:
    found = []
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inside = Path(place).relative_to(root).parts
        found += [(*inside, name) for name in names if name.lower().endswith(IMAGES) and not name.startswith(".")]
    return found


def places(root: str, paths: list[str]) -> list[tuple[str, ...]]:
    return [Path(path).relative_to(root).parts for path in paths]


def halves(*names: str) -> set[tuple[str, ...]]:
    return {(half, name, f"{number}.png") for half in names for name in ("cat", "dog") for number in range(3)}


@given(files=trees())
@example(files=halves("train", "valid", "test"))
@example(files=halves("train", "test") | {("train", "cat", "more", "1.png")})
@example(files=halves("train", "test") | {("train", "1.png")})
@settings(deadline=None, max_examples=100)
def test_whatever_the_layout_its_images_are_those_that_are_there(files: set[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as made:
        root = grown(Path(made), files)
        try:
            found = listing_of(root, PLAIN)
        except Mistake as mistake:
            said = str(mistake)
        else:
            said = ""
            agrees(root, found)
        assert not said or (root in said and "\n" not in said)


def agrees(root: str, found: Listing) -> None:
    there = images_below(root)
    divided = any(len(file) > 2 for file in there)
    if divided:
        there = [file for file in there if file[0].lower() in HALF_OF]
    train, test = places(root, found.train.paths), places(root, found.test.paths)
    assert Counter(train + test) == Counter(there)
    assert set(found.classes) == {file[-2] for file in there} and len(found.classes) > 1
    for half, labels in ((train, found.train.labels), (test, found.test.labels)):
        assert [found.classes[label] for label in labels] == [file[-2] for file in half]
    halves = {HALF_OF[file[0].lower()] for file in there} if divided else set()
    given_test = next((half for half in ("test", "val") if half in halves), None)
    if given_test is not None:
        assert sorted(test) == sorted(file for file in there if HALF_OF[file[0].lower()] == given_test)
    if halves == {"train", "val", "test"}:
        assert [train[row][0].lower() in ("val", "valid", "validation") for row in range(len(train))] == [
            row in found.held for row in range(len(train))
        ]
    elif given_test is None:
        assert any("are held out to test on" in note for note in found.notes)


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    root = grown(tmp_path, {(name, f"{number}.png") for name in ("bus", "train") for number in range(5)})
    found = listing_of(root, PLAIN)
    assert (found.classes, len(found.train.labels), len(found.test.labels)) == (("bus", "train"), 8, 2)


def flat(root: Path, count: int = 10) -> Path:
    grown(root, {(name, f"{number}.png") for name in ("cat", "dog") for number in range(count)})
    return root


def test_a_fifth_of_each_class_of_a_flat_folder_is_held_out(tmp_path: Path) -> None:
    root = str(flat(tmp_path / "images"))
    found = listing_of(root, PLAIN)
    assert Counter(found.test.labels) == {0: 2, 1: 2} and Counter(found.train.labels) == {0: 8, 1: 8}
    assert found.notes == [
        f"'{root}' has no test images: 4 of 20 images, a share of each class, are held out to test on "
        "(dataset.test=0.2 dataset.split_seed=0)"
    ]
    assert listing_of(root, PLAIN).test.paths == found.test.paths
    assert listing_of(root, Apart(None, 0.0, 1)).test.paths != found.test.paths
    both = listing_of(root, Apart(0.3, 0.25, 0))
    assert (len(both.test.paths), len(both.train.paths), len(both.held)) == (6, 14, 4)
    assert both.held == held_out(both.train.labels, 0.25, 0)


@pytest.mark.parametrize(
    ("files", "apart", "complaint"),
    [
        (halves("train", "test"), Apart(0.3, 0, 0), "dataset.test is 0.3, but '.*' has test images of its own; leave"),
        (halves("train", "val"), Apart(0.3, 0, 0), "dataset.test is 0.3, but '.*' has test images of its own; leave"),
        (halves("train", "valid", "test"), Apart(None, 0.1, 0), "dataset.val is 0.1, but '.*' has validation"),
        (halves("train", "val", "valid"), PLAIN, "'.*val' and '.*valid' are both val images; put them into one"),
        (halves("train", "test") | {("train", "1.png")}, PLAIN, "'.*train' has 1 image in no class, such as '1.png'"),
        ({("train", "1.png"), ("test", "2.png")}, PLAIN, "'.*train' has 1 image in no class"),
        ({("1.png",), ("2.png",)}, PLAIN, "has 2 images in no class, such as '1.png'; put each into the folder of"),
        (halves("train", "test") | {("train", "cat", "old", "1.png")}, PLAIN, "'.*old/1.png' is in a folder within"),
        ({("cat", "1.png"), ("dog", "1.png")}, PLAIN, "has one image of each class, so none can be held out"),
        (
            {(half, name, "1.png") for half in ("train", "test") for name in ("cat", "dog")}, Apart(None, 0.1, 0),
            "dataset.val is 0.1, but no class of '.*' has two images to train on; leave dataset.val away",
        ),
        ({("cat", "1.png")}, PLAIN, "has 1 class folders; it needs two or more"),
        (set(), PLAIN, "has 0 class folders"),
        ({("test", "cat", "1.png"), ("test", "dog", "1.png")}, PLAIN, "train' is missing; images belong in train/"),
    ],
)  # fmt: skip
def test_a_layout_that_cannot_be_is_one_line(tmp_path: Path, files: set, apart: Apart, complaint: str) -> None:
    (tmp_path / "images").mkdir()
    with pytest.raises(Mistake, match=complaint):
        listing_of(grown(tmp_path / "images", files), apart)


def test_a_class_that_cannot_be_tested_is_named(tmp_path: Path) -> None:
    root = flat(tmp_path / "images")
    grown(root, {("yak", "1.png")})
    found = listing_of(str(root), PLAIN)
    assert Counter(found.test.labels) == {0: 2, 1: 2} and found.train.labels.count(2) == 1
    assert found.notes[-1] == "of yak there is one image, which is trained on and not tested"


def test_files_that_are_passed_over_are_counted(tmp_path: Path) -> None:
    root = grown(tmp_path, halves("train", "test") | {("train", "cat", "a.tif"), ("test", "dog", "b.heic")})
    (note,) = listing_of(root, PLAIN).notes
    assert note.startswith(f"2 files in class folders of '{root}' are passed over: their endings are none of .png, ")
    assert note.endswith("('train/cat/a.tif')")


@pytest.mark.parametrize("stream", [False, True])
def test_images_of_val_are_for_validation(tmp_path: Path, stream: bool) -> None:
    root = tmp_path / "images"
    for first, half, count in ((0, "Train", 4), (100, "Valid", 2), (200, "Test", 3)):
        for label, name in enumerate(("cat", "dog")):
            for number in range(count):
                paint(root / half / name / f"{number}.png", first + 10 * label + number)
    settings = {"path": str(root), "cache": str(tmp_path / "cache"), "workers": 0, "augment": False, "stream": stream}
    data = datasets.make("folder", settings)
    assert (data.train_count, data.val_count, data.test_count) == (8, 4, 6)
    assert data.examine(None) == []
    data.load("cpu")
    (images, labels), *_ = data.val_batches(9)
    assert labels.tolist() == [0, 0, 1, 1] and len(images) == 4
    for place, file in enumerate(("cat/0", "cat/1", "dog/0", "dog/1")):
        assert (images[place] - data.preprocessing()(str(root / "Valid" / f"{file}.png"))).abs().max() < 1e-4
    shown = [image.mean().item() for image in next(data.train_batches(8, 0)).images]
    assert not {round(one, 4) for one in shown} & {round(image.mean().item(), 4) for image in images}


def test_a_flat_folder_that_moves_is_the_same_data(tmp_path: Path) -> None:
    root = tmp_path / "images"
    for label, name in enumerate(("cat", "dog")):
        for number in range(5):
            paint(root / name / f"{number}.bmp", 10 * label + number)
    data = datasets.make("folder", {"path": str(root), "cache": str(tmp_path / "cache")})
    assert (data.train_count, data.test_count, data.classes) == (8, 2, ("cat", "dog"))
    assert "2 of 10 images" in data.examine(None)[0]
    moved = datasets.make("folder", {"path": str(root.rename(tmp_path / "moved"))})
    assert moved.fingerprint() == data.fingerprint()
    assert (
        datasets.make("folder", {"path": str(tmp_path / "moved"), "split_seed": 1}).fingerprint() != data.fingerprint()
    )


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label\n")
    with pytest.raises(Mistake, match="list.csv', a file; for a list of images choose dataset=listed"):
        datasets.make("folder", {"path": str(tmp_path / "list.csv")})


def test_a_rehearsal_on_ones_own_images_has_all_of_them() -> None:
    with compose.hydra_ready():
        own = compose.composed(("scale=smoke", "dataset=folder", "dataset.path=x"))
        drawn = compose.composed(("scale=smoke", "sweep=demo"))
    assert own.recipe == drawn.recipe and own.dataset.name == "folder" and "train_count" not in own.dataset
    assert (drawn.dataset.train_count, drawn.dataset.test_count) == (drawn.recipe.batch, 48)


def test_one_core_is_left_to_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, workers in ((1, 1), (2, 1), (3, 2), (64, 4)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        assert usual_workers() == workers


def test_what_has_train_and_test_keeps_its_identity(tmp_path: Path) -> None:
    """The runs so far rest on names, sizes and labels of both halves, and on settings that did not say `test`."""
    root = grown(tmp_path / "images", halves("train", "test"))
    files = [find_images(os.path.join(root, half), ("cat", "dog")) for half in ("train", "test")]
    data = datasets.make("folder", {"path": root, "size": 16})
    assert data.fingerprint() == f"{identify(root, *files)}-16"
    rest = {name: {} for name in ("student", "distiller", "sampler", "criterion", "recipe")} | {"seed": 0}
    before, now = (
        {"dataset": {"name": "x", "augment": True} | more} | rest for more in ({}, {"test": None, "val": 0.0})
    )
    assert what_determines(before, "f", None) == what_determines(now, "f", None)
