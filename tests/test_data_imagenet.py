"""Tiny ImageNet is read as it is unpacked; ImageNet is streamed, by any number of workers alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import loaded, paint_imagenet, paint_tiny_imagenet, same

from unix_exp.registry import datasets
from unix_exp.run.answers.views import Mapped
from unix_exp.types import Dataset, Mistake, View


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


def test_a_streamed_view_comes_again_whatever_the_order(large: Path) -> None:
    data = stream(large, workers=0)
    view = View(seed=7)
    in_order = torch.cat(list(data.view_batches(3, view)))
    assert len(in_order) == data.train_count
    for seed in (1, 2):
        for batch in data.train_batches(4, seed, view=view):
            assert torch.equal(batch.images, in_order[batch.index])
    assert torch.equal(in_order[5:], torch.cat(list(data.view_batches(3, view, first=5))))


@pytest.mark.parametrize("workers", [0, 2])
def test_answers_are_streamed_with_their_images(large: Path, workers: int, tmp_path: Path) -> None:
    data = stream(large, workers=workers)
    np.save(tmp_path / "view.npy", np.arange(data.train_count * 5, dtype=np.float16).reshape(-1, 5))
    view = View(seed=7, answers=Mapped({"logits": tmp_path / "view.npy"}, 5))
    plain = list(data.train_batches(4, 1, view=View(seed=7)))
    for batch, other in zip(data.train_batches(4, 1, view=view), plain, strict=True):
        assert torch.equal(batch.images, other.images)
        assert batch.answers is not None and batch.answers.logits[:, 0].tolist() == (5 * batch.index).tolist()


def test_a_streamed_image_is_shifted_by_few_pixels(large: Path) -> None:
    data = stream(large, workers=0, flip=False)
    still, moved = (next(data.train_batches(8, 1, view=View(seed=7, jitter=jitter))) for jitter in (0, 1))
    assert torch.equal(still.index, moved.index)
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    inside = (slice(None), slice(2, -2), slice(2, -2))
    found = set()
    for before, after in zip(still.images, moved.images, strict=True):
        same_as = [
            shift for shift in shifts
            if torch.equal(after[inside], before.roll((-shift[0], -shift[1]), dims=(1, 2))[inside])
        ]  # fmt: skip
        assert same_as, "a shift by at most a pixel"
        found |= set(same_as)
    assert len(found) > 2
