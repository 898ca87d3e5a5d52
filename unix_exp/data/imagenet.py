"""ImageNet (ILSVRC 2012) in its usual layout: train/<wnid>/ and val/<wnid>/."""

from __future__ import annotations

import os
from typing import Annotated

from unix_exp.data.augment.choice import Augment, Flip
from unix_exp.data.files import existing_folder, find_classes, find_images
from unix_exp.data.held_out import HeldOut, SplitSeed, held_out
from unix_exp.data.streamed import IMAGENET_MEAN, IMAGENET_STD, Streamed, Workers
from unix_exp.ranges import Range
from unix_exp.registry import datasets
from unix_exp.types import Mistake


@datasets.register("imagenet")
class ImageNet(Streamed):
    """Random parts resized to 224 px and mirrored; tested on the middle 224 px of 256."""

    def __init__(
        self,
        path: Annotated[str, "the folder with train/ and val/"] = "data/imagenet",
        size: Annotated[int, Range(32, 2048), "side in pixels"] = 224,
        cache: Annotated[
            str, "where the hashes of files are kept, so that the next start reads no image"
        ] = "data/cache",
        augment: Augment = True,
        flip: Flip = True,
        workers: Workers | None = None,
        val: HeldOut = 0.0,
        split_seed: SplitSeed = 0,
    ) -> None:
        if size < 32:
            raise Mistake(f"dataset.size is {size}; choose 32 or more")
        root = existing_folder(path, "dataset.path")
        folders = [os.path.join(root, half) for half in ("train", "val")]
        classes = find_classes(folders[0])
        train, test = (find_images(folder, classes) for folder in folders)
        held = held_out(train.labels, val, split_seed)
        mean, std = IMAGENET_MEAN, IMAGENET_STD
        super().__init__(root, classes, train, test, size, mean, std, augment, flip, workers, cache, held)
