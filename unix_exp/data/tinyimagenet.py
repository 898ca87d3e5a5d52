"""Tiny ImageNet (Stanford CS231N) as it is unpacked: 200 classes, 64x64."""

from __future__ import annotations

import os

from unix_exp.data.decoded import Decoded
from unix_exp.data.files import Files, existing_folder, find_classes, find_images
from unix_exp.registry import datasets
from unix_exp.types import Mistake


@datasets.register("tinyimagenet")
class TinyImageNet(Decoded):
    """Tiny ImageNet, tested on val/, the half whose labels are public."""

    def __init__(
        self,
        path: str = "data/tiny-imagenet-200",
        cache: str = "data/cache",
        augment: bool = True,
        flip: bool = True,
    ) -> None:
        root = existing_folder(path, "dataset.path")
        train_folder = os.path.join(root, "train")
        classes = find_classes(train_folder)
        train = find_images(train_folder, classes, inside="images")
        test = find_annotated(os.path.join(root, "val"), classes)
        mean, std = (0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821)
        super().__init__(root, classes, train, test, 64, mean, std, cache, augment, flip)


def find_annotated(folder: str, classes: tuple[str, ...]) -> Files:
    """The validation images, which are in one folder with a list of their classes."""
    annotations = os.path.join(folder, "val_annotations.txt")
    if not os.path.isfile(annotations):
        raise Mistake(f"'{annotations}' is missing; unpack the archive again")
    with open(annotations) as lines:
        rows = sorted(line.split("\t")[:2] for line in lines if line.strip())
    unknown = sorted({row[-1] for row in rows} - set(classes))
    if unknown:
        raise Mistake(f"'{annotations}' names class '{unknown[0]}', which train/ lacks; unpack the archive again")
    missing = next((name for name, _ in rows if not os.path.isfile(os.path.join(folder, "images", name))), None)
    if missing:
        raise Mistake(f"'{folder}/images/{missing}' is missing; unpack the archive again")
    return Files([os.path.join(folder, "images", name) for name, _ in rows], [classes.index(one) for _, one in rows])
