"""Tiny ImageNet (Stanford CS231N) as it is unpacked: 200 classes, 64x64."""

from __future__ import annotations

import os
from typing import Annotated

from unix_exp.data.augment.choice import Augment, Flip
from unix_exp.data.common import Cache
from unix_exp.data.decoded import Decoded
from unix_exp.data.files import Files, check_name, existing_folder, find_classes, find_images
from unix_exp.data.held_out import HeldOut, SplitSeed, held_out
from unix_exp.data.opening import content, looked_up
from unix_exp.registry import datasets
from unix_exp.types import Mistake


@datasets.register("tinyimagenet")
class TinyImageNet(Decoded):
    """Tiny ImageNet, tested on val/, the half whose labels are public."""

    def __init__(
        self,
        path: Annotated[str, "the folder with train/ and val/"] = "data/tiny-imagenet-200",
        cache: Cache = "data/cache",
        augment: Augment = True,
        flip: Flip = True,
        val: HeldOut = 0.0,
        split_seed: SplitSeed = 0,
    ) -> None:
        root = existing_folder(path, "dataset.path")
        train_folder = os.path.join(root, "train")
        classes = find_classes(train_folder)
        train = find_images(train_folder, classes, inside="images")
        test = find_annotated(os.path.join(root, "val"), classes)
        held = held_out(train.labels, val, split_seed)
        mean, std = (0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821)
        super().__init__(root, classes, train, test, 64, mean, std, cache, augment, flip, held)


def find_annotated(folder: str, classes: tuple[str, ...]) -> Files:
    """The validation images, which are in one folder with a list of their classes."""
    annotations = os.path.join(folder, "val_annotations.txt")
    if not os.path.isfile(annotations):
        raise Mistake(f"'{annotations}' is missing; unpack the archive again")
    text = content(annotations)[0].decode(errors="surrogateescape")
    rows = sorted(line.split("\t")[:2] for line in text.splitlines() if line.strip())
    unknown = sorted({row[-1] for row in rows} - set(classes))
    if unknown:
        raise Mistake(f"'{annotations}' names class {unknown[0]!a}, which train/ lacks; unpack the archive again")
    images = os.path.join(folder, "images")
    for name, _ in rows:
        check_name(name, images)
        if not os.path.lexists(os.path.join(images, name)):
            raise Mistake(f"'{folder}/images/{name}' is missing; unpack the archive again")
    paths = [os.path.join(images, name) for name, _ in rows]
    return Files.of(paths, [classes.index(one) for _, one in rows], [looked_up(path) for path in paths])
