"""Anyone's folder of images trains, from its files or from the cache, and says what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import loaded, paint
from PIL import Image

from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two classes in the three usual formats, and a file that isn't an image."""
    root = tmp_path / "images"
    for half, count in (("train", 4), ("test", 2)):
        for label, name in enumerate(("cat", "dog")):
            for shade in range(count):
                paint(root / half / name / f"{shade}{('.png', '.webp', '.JPG')[shade % 3]}", 10 * label + shade)
    (root / "train" / "cat" / ".DS_Store").write_text("not an image")
    (root / "train" / "dog" / "notes.txt").write_text("not an image")
    return root


def folder(root: Path, **settings: object) -> Dataset:
    return datasets.make("folder", {"path": str(root), "cache": str(root.parent / "cache"), **settings})


def test_a_folder_trains_from_files_of_every_format(tree: Path) -> None:
    data = folder(tree, augment=False)
    assert (data.classes, data.size, data.train_count, data.test_count) == (("cat", "dog"), 16, 8, 4)
    data.load("cpu")
    batch = next(data.train_batches(8, 0))
    assert batch.images.mean((0, 2, 3)).abs().max() < 1e-4, "normalised by its own statistics"
    assert (batch.images.std((0, 2, 3), unbiased=False) - 1).abs().max() < 1e-4
    first = torch.tensor(np.array(Image.open(tree / "test" / "cat" / "0.png")))
    assert torch.equal(data.test_pixels[0], first)
    assert data.test_labels.tolist() == [0, 0, 1, 1]


def test_a_folder_elsewhere_is_the_same_data_and_a_changed_one_is_not(tree: Path) -> None:
    before = folder(tree).fingerprint()
    moved = tree.rename(tree.parent / "moved")
    assert folder(moved).fingerprint() == before
    assert folder(moved, size=8).fingerprint() != before
    paint(moved / "train" / "cat" / "another.png", 7)
    assert folder(moved).fingerprint() != before


def test_the_second_start_reads_the_cache_alone(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = loaded(folder(tree))
    monkeypatch.setattr("unix_exp.data.decoded.decode", None)
    monkeypatch.setattr("unix_exp.data.decoded.statistics", None)
    again = loaded(folder(tree))
    assert torch.equal(first.train_pixels, again.train_pixels) and first.mean == again.mean
    assert not list((tree.parent / "cache").glob("*.npy.*")), "nothing unfinished is left behind"


@pytest.mark.parametrize("damage", ["cut short", "foreign", "empty", "other shape"])
def test_a_damaged_cache_is_made_anew(tree: Path, damage: str) -> None:
    first = loaded(folder(tree))
    for path in (tree.parent / "cache").glob("*.npy"):
        content = path.read_bytes()
        if damage == "other shape":
            np.save(path, np.zeros((2, 3), np.uint8))
        else:
            path.write_bytes({"cut short": content[:-9], "foreign": b"hello", "empty": b""}[damage])
    again = loaded(folder(tree))
    assert torch.equal(first.train_pixels, again.train_pixels) and first.std == again.std


def test_a_corrupt_image_is_named(tree: Path) -> None:
    broken = tree / "train" / "dog" / "1.webp"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(Mistake, match=r"train/dog/1\.webp' can't be read as an image .*; repair or remove it"):
        loaded(folder(tree))


def test_images_of_other_sizes_are_fitted(tree: Path) -> None:
    paint(tree / "train" / "dog" / "9.png", 1, side=40)
    assert loaded(folder(tree)).train_pixels.shape == (9, 20, 20, 3)
    assert loaded(folder(tree, size=8)).train_pixels.shape == (9, 10, 10, 3)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda root: (root / "test" / "dog").rename(root / "test" / "wolf"), "they differ in dog, wolf"),
        (lambda root: (root / "train" / "ant").mkdir() or (root / "test" / "ant").mkdir(), "ant' has no images"),
        (lambda root: (root / "train").rename(root / "learn"), "train' is missing; images belong in train/<class>/"),
    ],
)
def test_a_folder_that_lacks_something_is_refused_before_loading(tree: Path, spoil, complaint: str) -> None:
    spoil(tree)
    with pytest.raises(Mistake, match=complaint):
        folder(tree)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"size": 7}, "dataset.size is 7; choose 8 to 2048, or null"),
        ({"mean": [0.5]}, "dataset.mean has 1 values; give 3"),
        ({"std": [0.5, 0.0, 0.5]}, "for each of them choose a number from 0.001 to 10, or null"),
        ({"stream": True, "workers": -1}, "dataset.workers is -1; choose 0 to 512"),
        ({"path": "nowhere"}, "dataset.path is 'nowhere'; there is no such folder"),
    ],
)
def test_settings_out_of_range_are_refused(tree: Path, settings: dict, complaint: str) -> None:
    with pytest.raises(Mistake, match=complaint):
        folder(tree, **settings)


def test_val_serves_as_test(tree: Path) -> None:
    (tree / "test").rename(tree / "val")
    assert folder(tree).test_count == 4


def test_a_folder_of_large_images_is_streamed(tree: Path) -> None:
    from unix_exp.data.streamed import Streamed

    assert not isinstance(folder(tree), Streamed)
    assert isinstance(folder(tree, size=97), Streamed) and not isinstance(folder(tree, size=97, stream=False), Streamed)
    data = loaded(folder(tree, stream=True, workers=0, augment=False))
    assert next(data.train_batches(8, 0)).images.shape == (8, 3, 16, 16)
