"""Tiny ImageNet is read as it is unpacked; ImageNet is streamed, by any number of workers alike."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pictures import loaded, paint_imagenet, paint_tiny_imagenet, same

from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return paint_tiny_imagenet(tmp_path / "tiny-imagenet-200")


def test_tiny_imagenet_is_read_as_it_is_unpacked(tiny: Path) -> None:
    data = loaded(datasets.make("tinyimagenet", {"path": str(tiny), "cache": str(tiny.parent / "cache")}))
    assert (data.classes, data.size, data.train_count, data.test_count) == (("n01", "n02"), 64, 6, 4)
    assert data.test_labels.tolist() == [1, 0, 1, 0]
    assert next(data.train_batches(2, 0)).images.shape == (2, 3, 64, 64)
    assert data.margin == 8


@pytest.mark.parametrize("missing", ["val/val_annotations.txt", "val/images/val_2.JPEG"])
def test_tiny_imagenet_says_what_is_missing(tiny: Path, missing: str) -> None:
    (tiny / missing).unlink()
    with pytest.raises(Mistake, match=f"{missing}' is missing; unpack the archive again"):
        datasets.make("tinyimagenet", {"path": str(tiny)})


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return paint_imagenet(tmp_path)


def stream(root: Path, **settings: object) -> Dataset:
    return loaded(datasets.make("imagenet", {"path": str(root), "size": 32, **settings}))


def test_a_streamed_epoch_is_the_same_for_any_number_of_workers(large: Path) -> None:
    before = torch.get_rng_state()
    alone = list(stream(large, workers=0).train_batches(4, 1))
    assert [len(batch.index) for batch in alone] == [4, 4]
    assert same(alone, stream(large, workers=2).train_batches(4, 1))
    assert torch.equal(before, torch.get_rng_state()), "and leaves the program's generator alone"


def test_a_streamed_image_is_cut_differently_each_epoch(large: Path) -> None:
    data = stream(large, workers=0)
    one, other = (next(data.train_batches(10, seed)) for seed in (1, 2))
    differing = one.images[one.index.argsort()] != other.images[other.index.argsort()]
    assert differing.flatten(1).any(1).all()


def test_streamed_test_images_are_complete_and_in_order(large: Path) -> None:
    images, labels = map(torch.cat, zip(*stream(large, workers=0).test_batches(3), strict=True))
    assert images.shape == (4, 3, 32, 32) and labels.tolist() == [0, 0, 1, 1]


def test_a_corrupt_image_is_named_by_a_worker_too(large: Path) -> None:
    (large / "val" / "n02" / "1.JPEG").write_bytes(b"broken")
    with pytest.raises(Mistake, match=r"^'.*n02/1\.JPEG' can't be read as an image \(\w+\); repair or remove it$"):
        list(stream(large, workers=1).test_batches(2))
