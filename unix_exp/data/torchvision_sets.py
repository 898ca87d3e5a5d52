"""The classification sets of torchvision.datasets, by the name of their class."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from unix_exp.data.augment.choice import Augment, Flip
from unix_exp.data.common import Cache, Mean, Size, Std, Stream, Title
from unix_exp.data.held_out import HeldOut, SplitSeed, TestShare
from unix_exp.data.layouts import HALVES
from unix_exp.data.pairs import of_pairs
from unix_exp.data.streamed import Workers
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake
from unix_exp.words import first_line, nearest

USUAL = {
    "train": (*HALVES["train"], "trainval", "train-standard"),
    "val": HALVES["val"],
    "test": (*HALVES["test"], *HALVES["val"]),
}  # what the sets call their splits; the first that a set has


@datasets.register("torchvision")
def torchvision_set(
    set: Annotated[str, "the name of its class in torchvision.datasets, such as Flowers102"],
    path: Annotated[str, "the folder that torchvision keeps it in"] = "data",
    options: Annotated[
        dict[str, Any] | None, "further arguments of its class, such as {split: letters} for EMNIST"
    ] = None,
    download: Annotated[bool, "fetch the set if it is not there"] = False,
    train_split: Annotated[str | None, "its split to train on; null: train, or another usual name"] = None,
    val_split: Annotated[
        str | None, "its split to choose the best epoch by; null: a usual name, if there is one"
    ] = None,
    test_split: Annotated[str | None, "its split to test on; null: test, or another usual name"] = None,
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
    """A set of torchvision, on the device if small and few, else streamed."""
    maker = known(set)
    splits = {"train": train_split, "val": val_split, "test": test_split}
    halves = halves_of(set, maker, os.path.expanduser(path), options or {}, download, splits)
    return of_pairs(
        set, halves["train"], halves.get("test"), classes_of(halves["train"]), halves.get("val"),
        test_share=test, val_share=val, split_seed=split_seed,
        size=size, mean=mean, std=std, cache=cache, augment=augment, flip=flip, stream=stream, workers=workers,
    )  # fmt: skip


class Half:
    """One split: its pairs, and its labels where they are known without opening images."""

    def __init__(self, data: Any, light: bool) -> None:
        self.data = data
        self.labels = None if light else known_labels(data)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, number: int) -> Any:
        return self.data[number]


def known(name: str) -> Callable[..., Any]:
    """The class of that name."""
    from torchvision import datasets as published  # here: it takes a second, which other data sets save

    kinds = {one: kind for one, kind in vars(published).items() if isinstance(kind, type)}
    sets = {one: kind for one, kind in kinds.items() if issubclass(kind, published.VisionDataset)}
    if name not in sets:
        raise Mistake(f"torchvision has no data set '{name}'; {nearest(name, sets)}")
    return sets[name]


def halves_of(
    name: str, maker: Callable[..., Any], path: str, options: dict[str, Any], download: bool, splits: dict[str, Any]
) -> dict[str, Half]:
    """The splits, however a set's class asks for them; one without splits is all training images."""
    takes = inspect.signature(maker).parameters
    for key in options:
        if key not in takes or key in ("root", "download", "loader"):
            raise Mistake(f"torchvision's {name} has no option '{key}'; {nearest(key, takes)}")
    light = "loader" in takes
    fixed: dict[str, Any] = {"root": path, "download": download, "loader": str}  # str: a path instead of an image
    fixed = {key: value for key, value in fixed.items() if key in takes} | options

    def made(**which: Any) -> Half:
        try:
            return Half(maker(**fixed, **which), light)
        except (ValueError, KeyError) as error:
            raise Unknown(f"torchvision's {name} can't be made ({first_line(error)})") from error
        except (RuntimeError, OSError, ImportError, AttributeError, TypeError, EOFError) as error:
            hint = "" if download else f"; put it into '{path}', or let torchvision fetch it with dataset.download=true"
            raise Mistake(f"torchvision's {name} can't be read from '{path}' ({first_line(error)}){hint}") from error

    chosen = {half: value for half, value in splits.items() if value is not None}
    if "split" not in takes or "split" in options:
        if chosen:
            raise Mistake(f"torchvision's {name} has no splits by name; leave dataset.{min(chosen)}_split away")
        if "train" in takes and "train" not in options:
            return {"train": made(train=True), "test": made(train=False)}
        return {"train": made()}
    found: dict[str, Half] = {}
    used = []
    for half in ("train", "test", "val"):
        names = (chosen[half],) if half in chosen else tuple(one for one in USUAL[half] if one not in used)
        for split in names:
            try:
                found[half] = made(split=split)
            except Unknown:
                if half in chosen or (half == "train" and split == names[-1]):
                    raise
            else:
                used.append(split)
                break
    return found


class Unknown(Mistake):
    """A set has no split of this name, or another argument is wrong."""


def known_labels(data: Any) -> list[Any]:
    """The labels that a set keeps, if they are those of its pairs; else each pair is asked."""
    count = len(data)
    for name in ("targets", "_labels", "labels", "y", "_samples", "samples"):
        kept = getattr(data, name, None)
        if kept is None or not hasattr(kept, "__len__") or len(kept) != count or not count:
            continue
        some = (one[1] if name.endswith("samples") else one for one in kept)
        labels = [one.item() if hasattr(one, "item") and getattr(one, "ndim", 0) == 0 else one for one in some]
        if all(labels[place] == data[place][1] for place in (0, count // 2, count - 1)):
            return labels
    return [data[number][1] for number in range(count)]


def classes_of(half: Half) -> Sequence[str] | None:
    """The names of the classes, each once: ImageNet has two cranes."""
    kept = getattr(half.data, "classes", None) or getattr(half.data, "categories", None)
    if not isinstance(kept, (list, tuple)) or not kept:
        return None
    names = [one if isinstance(one, str) else ", ".join(map(str, one)) for one in kept]
    return [one if names.count(one) == 1 else f"{one} ({place})" for place, one in enumerate(names)]
