"""Validation images are held out of the training images, class by class, and the rest is trained on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some
from PIL import Image
from torchvision.transforms import v2

from unix_exp.config.identity import what_determines
from unix_exp.data.folder import folder
from unix_exp.data.held_out import counted, held_out, rest_of
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.data.shapes import Shapes

LABELS = some.lists(some.integers(0, 6), max_size=200)


@given(labels=LABELS, share=some.floats(0, 1, exclude_max=True), seed=some.integers(0, 9))
@settings(deadline=None)
def test_each_class_gives_its_share(labels: list[int], share: float, seed: int) -> None:
    held = held_out(labels, share, seed)
    assert held == sorted(set(held)) == held_out(labels, share, seed)
    assert len(held) == counted(Counter(labels).values(), share)
    assert sorted(held + rest_of(len(labels), held)) == list(range(len(labels)))
    given_by = Counter(labels[row] for row in held)
    for label, count in Counter(labels).items():
        assert given_by[label] < count
        assert abs(given_by[label] - share * count) <= 1
        assert given_by[label] > 0 or not share or count == 1


def test_another_seed_holds_out_others() -> None:
    labels = [row % 5 for row in range(500)]
    assert held_out(labels, 0.1, 0) != held_out(labels, 0.1, 1)


def test_drawn_images_are_divided_and_none_is_lost() -> None:
    whole, part = Shapes(100, 48), Shapes(100, 48, val=0.25)
    for data in (whole, part):
        data.load("cpu")
    assert part.val_count == sum(round(0.25 * count) for count in [5] * 4 + [4] * 20)
    assert part.train_count == 100 - part.val_count == len(part.train_labels)
    (images, labels), *_ = part.val_batches(1000)
    plain = whole.normalise(whole.train_pixels[:, whole.margin : -whole.margin, whole.margin : -whole.margin])
    held = held_out(whole.train_labels.tolist(), 0.25, 0)
    assert torch.equal(images, plain[held]) and torch.equal(labels, whole.train_labels[held])
    assert part.fingerprint() != whole.fingerprint()
    assert Shapes(100, 48, val=0.25, split_seed=1).fingerprint() != part.fingerprint()


@pytest.mark.parametrize("stream", [True, False])
def test_image_files_are_divided_and_none_is_lost(tmp_path: Path, stream: bool) -> None:
    shades = iter(range(10, 250, 6))
    for half, count in (("train", 10), ("test", 3)):
        for name in ("cat", "dog"):
            (tmp_path / half / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (16, 16), (next(shades),) * 3).save(tmp_path / half / name / f"{number}.png")
    data = folder(str(tmp_path), cache=str(tmp_path / "cache"), stream=stream, workers=0, augment=False, val=0.2)
    assert (data.train_count, data.val_count, data.test_count) == (16, 4, 6)
    data.examine(None)
    data.load("cpu")
    batches = [list(data.val_batches(3)), list(data.train_batches(16, 0)), list(data.test_batches(6))]
    seen = [image.mean().item() for images in batches for batch in images for image in batch[0]]
    assert len({round(one, 3) for one in seen}) == 26
    order = batches[1][0].index
    assert sorted(order.tolist()) == list(range(16))
    kept = data.train.some(rest_of(20, data.held_rows))
    assert batches[1][0].targets.argmax(1).tolist() == [kept.labels[row] for row in order]
    assert data.fingerprint() != folder(str(tmp_path), cache=str(tmp_path / "cache"), stream=stream).fingerprint()


def test_a_run_without_validation_images_keeps_its_identity() -> None:
    old = {"student": {}, "dataset": {"name": "x"}, "distiller": {}, "sampler": {}, "criterion": {}, "recipe": {}}
    now = old | {"dataset": {"name": "x", "val": 0.0, "split_seed": 0}}
    assert what_determines(old | {"seed": 0}, "f", None) == what_determines(now | {"seed": 0}, "f", None)
    other = now | {"dataset": {"name": "x", "val": 0.1, "split_seed": 0}, "seed": 0}
    assert what_determines(other, "f", None) != what_determines(now | {"seed": 0}, "f", None)


@given(width=some.integers(1, 300), height=some.integers(1, 300), size=some.sampled_from([8, 32, 33]))
@settings(deadline=None, max_examples=60)
def test_an_image_is_scaled_and_cut_as_torchvision_does(width: int, height: int, size: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    image = Image.fromarray(noise)
    resize = round(size * 256 / 224)
    own = Preprocessing(size, resize, "bilinear", (0.0,) * 3, (1.0,) * 3)
    theirs = v2.Compose([v2.Resize(resize), v2.CenterCrop(size)])(image)
    difference = np.asarray(own.square(image)).astype(int) - np.asarray(theirs)
    assert np.abs(difference).max() <= 2, "each of the two directions is rounded by itself"


def test_a_strip_of_a_million_pixels_does_not_fill_the_memory() -> None:
    strip = Image.new("RGB", (1, 1_000_000))
    assert Preprocessing(224, 256, "bicubic", (0.0,) * 3, (1.0,) * 3)(strip).shape == (3, 224, 224)


def test_preprocessing_comes_back_from_a_record() -> None:
    one = Preprocessing(32, 36, "bicubic", (0.1, 0.2, 0.3), (1.0, 2.0, 3.0))
    assert Preprocessing.of(one._asdict()) == one
    for spoiled in ({"size": 40}, {"std": [0, 1, 1]}, {"interpolation": "x"}, {"mean": [0.5]}):
        with pytest.raises(ValueError, match="not whole"):
            Preprocessing.of(one._asdict() | spoiled)


def test_shapes_of_another_size_are_the_same_shapes() -> None:
    small, large = Shapes(48, 24), Shapes(48, 24, side=64)
    for data in (small, large):
        data.load("cpu")
    (few, labels), (fine, same) = next(small.test_batches(24)), next(large.test_batches(24))
    assert fine.shape[-1] == 64 and torch.equal(labels, same)
    # Each noise is drawn for its own pixels, so what is compared is the picture without it.
    coarse = torch.nn.functional.avg_pool2d(fine, 2)
    correlation = torch.corrcoef(torch.stack([few[0].flatten(), coarse[0].flatten()]))[0, 1]
    assert correlation > 0.8, "the first image is drawn with the same numbers"
    assert small.fingerprint() in large.fingerprint() and small.fingerprint() != large.fingerprint()
