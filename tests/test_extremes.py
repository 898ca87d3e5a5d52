"""The images with a method's highest and lowest values, as pictures beside a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from assembled import Noise
from PIL import Image
from torch import Tensor

from unix_exp.run.pictures import GAP, as_pixels, extremes, save_extremes
from unix_exp.types import Batch


class Grey:
    """Forty images, number n of grey 5 n, larger than a picture shows them; of no known mean or spread."""

    classes, size, train_count, test_count = ("even", "odd"), 96, 40, 0
    mean, std = (0.0,) * 3, (1.0,) * 3

    def train_batches(self, batch: int, seed: int, only: Tensor | None = None) -> Iterator[Batch]:
        assert only is not None
        index = only.flip(0)  # in an order of its own, as a data set may
        grey = (index.float() * 5 / 255).view(-1, 1, 1, 1).expand(-1, 3, 96, 96)
        yield Batch(grey, torch.eye(2)[index % 2], index)


def test_both_ends_are_found_among_the_known_values_the_most_extreme_first() -> None:
    values = torch.arange(40.0)
    values[39], values[0] = torch.nan, torch.nan
    found = extremes(values)
    assert found["highest"].tolist() == list(range(38, 22, -1))
    assert found["lowest"].tolist() == list(range(1, 17))


def test_there_are_no_ends_where_all_values_are_the_same_or_one_is_known() -> None:
    assert extremes(torch.ones(40)) == {}
    assert extremes(torch.full((40,), torch.nan)) == {}
    assert extremes(torch.tensor([torch.nan, 1.0])) == {}


def test_among_equal_values_the_order_of_the_files_does_not_choose() -> None:
    kept = (torch.arange(1000) % 2).float()
    found = extremes(kept)
    assert (kept[found["highest"]] == 1).all()
    assert (kept[found["lowest"]] == 0).all()
    assert found["highest"].max() > 500
    assert found["lowest"].max() > 500
    assert all(torch.equal(extremes(kept)[end], found[end]) for end in found), "and it is the same choice again"


def test_a_picture_holds_the_images_in_order_and_a_file_says_which(tmp_path: Path) -> None:
    save_extremes(tmp_path / "images", {"weight": torch.arange(40.0)}, Grey())  # type: ignore[arg-type]
    described = json.loads((tmp_path / "images" / "weight.json").read_text())
    assert described["highest"][0] == {"index": 39, "class": "odd", "value": 39.0}
    assert described["lowest"][1] == {"index": 1, "class": "odd", "value": 1.0}
    with Image.open(tmp_path / "images" / "weight-highest.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (2 * 64 + GAP, 8 * 64 + 7 * GAP, 3)
    step = 64 + GAP
    assert pixels[::step, ::step, 0].flatten().tolist() == [5 * number for number in range(39, 23, -1)]
    assert (pixels[64 : 64 + GAP] == 255).all() and (pixels[:, 64 : 64 + GAP] == 255).all(), "white between images"


def test_a_last_row_that_is_not_full_ends_in_white(tmp_path: Path) -> None:
    save_extremes(tmp_path / "images", {"weight": torch.arange(20.0)}, Grey())  # type: ignore[arg-type]
    with Image.open(tmp_path / "images" / "weight-lowest.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (2 * 64 + GAP, 8 * 64 + 7 * GAP, 3)
    assert pixels[-1, :: 64 + GAP, 0].tolist() == [40, 45, *[255] * 6]


def test_pixels_come_back_as_they_were_before_they_were_normalised() -> None:
    data = Noise()
    data.augment = False
    data.load("cpu")
    batch = next(iter(data.train_batches(16, seed=0)))
    assert torch.equal(
        as_pixels(batch.images, data.mean, data.std), data.read()[0].pixels[batch.index].permute(0, 3, 1, 2)
    )
    stretched = as_pixels(batch.images, None, None)
    assert (stretched.amin(dim=(1, 2, 3)) == 0).all()
    assert (stretched.amax(dim=(1, 2, 3)) == 255).all()
