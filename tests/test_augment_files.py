"""Augmentations by name where images are read from files while training: each is a function of seed and number."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from pictures import WNIDS, loaded, paint_imagenet, same
from PIL import Image
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from unix_exp.data.augment.choice import chosen
from unix_exp.registry import augmentations, datasets
from unix_exp.types import View

every_name = pytest.mark.parametrize("name", augmentations.names())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint_imagenet(tmp_path_factory.mktemp("files"), train=3, test=1)


def stream(files: Path, **settings: Any) -> Any:
    return loaded(datasets.make("imagenet", {"path": str(files), "size": 32, "workers": 0, **settings}))


@every_name
def test_files_are_shown_in_every_way_too(files: Path, name: str) -> None:
    data = stream(files, augment=name)
    in_order = torch.cat(list(data.view_batches(4, View(seed=7))))
    assert in_order.shape == (6, 3, 32, 32) and in_order.isfinite().all()
    for seed in (1, 2):
        for batch in data.train_batches(3, seed, view=View(seed=7)):
            assert torch.equal(batch.images, in_order[batch.index])
    epoch = list(data.train_batches(2, 5))
    assert same(iter(epoch[1:]), data.train_batches(2, 5, first=1))
    assert torch.equal(in_order, torch.cat(list(data.view_batches(6, View(seed=8))))) == (name == "none")


def test_a_file_is_cut_and_changed_by_its_seed_and_number_alone(files: Path) -> None:
    """What the reader did before augmentations had names, and then the operations of one image."""
    before = torch.get_rng_state()
    for name, operations in ((True, None), ("random-resized-crop", None), ("trivialaugment", chosen("trivialaugment"))):
        data = stream(files, augment=name)
        batch = next(data.train_batches(6, 5))
        for image, number in zip(batch.images, batch.index.tolist(), strict=True):
            opened = Image.open(files / "train" / WNIDS[number // 3] / f"{number % 3}.JPEG").convert("RGB")
            with torch.random.fork_rng():
                torch.manual_seed(int.from_bytes(hashlib.sha256(f"5 {number}".encode()).digest()[:4], "little"))
                cut = v2.Compose([v2.RandomResizedCrop(32), v2.RandomHorizontalFlip()])(opened)
                expected = functional.pil_to_tensor(cut)[None]
                if operations is not None:
                    drawn = operations.draw(1, 32, torch.default_generator)
                    expected = operations.change(expected, drawn)  # type: ignore[arg-type]
            assert torch.equal(data.normalise(expected.permute(0, 2, 3, 1))[0], image)
    assert torch.equal(before, torch.get_rng_state())


def test_workers_change_files_as_the_program_does(files: Path) -> None:
    alone, with_workers = (stream(files, augment="randaugment", workers=workers) for workers in (0, 2))
    assert same(alone.train_batches(3, 1), with_workers.train_batches(3, 1))
