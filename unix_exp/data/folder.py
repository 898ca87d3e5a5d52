"""Images of your own: a folder for each class, under train/, test/ and val/ or alone."""

from __future__ import annotations

import os
from typing import Annotated

from unix_exp.data.augment.choice import Augment, Flip
from unix_exp.data.common import Cache, Common, Mean, Size, Std, Stream, Title
from unix_exp.data.files import existing_folder
from unix_exp.data.held_out import Apart, HeldOut, SplitSeed, TestShare
from unix_exp.data.layouts import listing_of
from unix_exp.data.streamed import Workers
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake


@datasets.register("folder")
def folder(
    path: Annotated[str, "the folder with train/<class>/* and test/<class>/*, or with <class>/*"],
    title: Title | None = None,
    size: Size | None = None,
    mean: Mean | None = None,
    std: Std | None = None,
    cache: Cache = "data/cache",
    augment: Augment = True,
    flip: Flip = True,
    stream: Stream | None = None,
    workers: Workers | None = None,
    test: TestShare | None = None,
    val: HeldOut = 0.0,
    split_seed: SplitSeed = 0,
) -> Dataset:
    """Images as train/<class>/* and test/<class>/*, or as <class>/*: on the device if small and few, else streamed."""
    common = Common(size, mean, std, cache, augment, flip, stream, workers)
    common.check()
    if os.path.isfile(os.path.expanduser(path)):
        raise Mistake(f"dataset.path is '{path}', a file; for a list of images choose dataset=listed")
    return common.of(listing_of(existing_folder(path, "dataset.path"), Apart(test, val, split_seed)))
