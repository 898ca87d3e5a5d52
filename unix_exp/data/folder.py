"""Images of your own: a folder for each class under train/ and test/."""

from __future__ import annotations

import os
from typing import Annotated

from unix_exp.data.augment.choice import Augment
from unix_exp.data.decoded import Decoded
from unix_exp.data.files import existing_folder, find_classes, find_images
from unix_exp.data.held_out import HeldOut, held_out
from unix_exp.data.opening import open_image
from unix_exp.data.streamed import IMAGENET_MEAN, IMAGENET_STD, Streamed, Workers
from unix_exp.ranges import Range, Seed
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake
from unix_exp.words import listed

SMALLEST, LARGEST = 8, 2048  # pixels
LARGEST_SIZE, LARGEST_SET = 96, 4 * 2**30  # pixels and bytes; beyond either, images are streamed from the disk


@datasets.register("folder")
def folder(
    path: str,
    title: str | None = None,
    size: Annotated[int, Range(SMALLEST, LARGEST)] | None = None,
    mean: list[Annotated[float, Range(0, 1)]] | None = None,
    std: list[Annotated[float, Range(0.001, 10)]] | None = None,
    cache: str = "data/cache",
    augment: Augment = True,
    flip: bool = True,
    stream: bool | None = None,
    workers: Workers = 4,
    val: HeldOut = 0.0,
    split_seed: Seed = 0,
) -> Dataset:
    """Images as train/<class>/* and test/<class>/* (or val/), on the device if small and few, else streamed."""
    if size is not None and size < SMALLEST:
        raise Mistake(f"dataset.size is {size}; choose {SMALLEST} or more")
    check_channels(mean, std)
    root = existing_folder(path, "dataset.path")
    train_folder = os.path.join(root, "train")
    test_folder = next((one for name in ("test", "val") if os.path.isdir(one := os.path.join(root, name))), None)
    if test_folder is None:
        raise Mistake(f"'{root}' has neither test/ nor val/; test images belong in test/<class>/")
    classes = find_classes(train_folder)
    differing = sorted(set(classes) ^ set(find_classes(test_folder)))
    if differing:
        raise Mistake(f"'{train_folder}' and '{test_folder}' need the same classes; they differ in {listed(differing)}")
    train, test = find_images(train_folder, classes), find_images(test_folder, classes)
    held = held_out(train.labels, val, split_seed)
    size = size or size_of(train.paths[0])
    if stream is None:
        stream = size > LARGEST_SIZE or (len(train.paths) + len(test.paths)) * size * size * 3 > LARGEST_SET
    if stream:
        mean, std = mean or list(IMAGENET_MEAN), std or list(IMAGENET_STD)
        return Streamed(root, classes, train, test, size, mean, std, augment, flip, workers, cache, held)
    return Decoded(root, classes, train, test, size, mean, std, cache, augment, flip, held)


def size_of(path: str) -> int:
    """The size that a data set has where none is given: its first image's."""
    size = min(open_image(path).size)
    if not SMALLEST <= size <= LARGEST:
        raise Mistake(f"the first image, '{path}', is {size} pixels wide or high; choose dataset.size, such as 224")
    return size


def check_channels(mean: list[float] | None, std: list[float] | None) -> None:
    for name, values in (("mean", mean), ("std", std)):
        if values is not None and len(values) != 3:
            raise Mistake(f"dataset.{name} has {len(values)} values; give 3: red, green, blue")
    if std is not None and min(std) <= 0:
        raise Mistake(f"dataset.std is {list(std)}; every value must be above 0")
