"""Images that are no files of a folder: what a list, a library or code of your own has, as pairs of image and label.

from unix_exp.data.pairs import of_pairs
from unix_exp.registry import datasets

@datasets.register("mine")
def mine(path: str):
    return of_pairs("mine", train=[(image, "cat"), ...], test=[...])
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from unix_exp.data.common import Common
from unix_exp.data.files import UNFIT, Files
from unix_exp.data.held_out import Apart
from unix_exp.data.labels import numbered
from unix_exp.data.listing import divided
from unix_exp.data.opening import looked_up, shown
from unix_exp.data.source import Source
from unix_exp.data.unfiled import Unfiled
from unix_exp.types import Dataset, Mistake


class Pairs(Protocol):
    """What has a length and gives a pair for a number: a list will do."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Any: ...


def of_pairs(
    name: str,
    train: Pairs,
    test: Pairs | None = None,
    classes: Sequence[str] | None = None,
    val: Pairs | None = None,
    *,
    revision: str | None = None,
    test_share: float | None = None,
    val_share: float = 0.0,
    split_seed: int = 0,
    **shown_as: Any,
) -> Dataset:
    """A data set of pairs (image, label): the image a path, a PIL image, encoded bytes or an array of uint8.

    A label is the number of its class, or its name. A sequence that opens its images when it is asked for a pair should
    have `labels` as well, so that they are known without opening any. Without `test`, a share of each class is held out
    to test on; without `val`, `val_share` of the others to choose the best epoch by. `revision` is a text that changes
    whenever the images do: with it the next start knows them, without it each start looks at all of them. `shown_as`
    are the settings of data/common.py: size, mean, std, cache, augment, flip, stream, workers.
    """
    common = Common(**shown_as)
    common.check()
    halves = {"train": train, "val": val, "test": test}
    given = {half: pairs for half, pairs in halves.items() if pairs is not None}
    for half, pairs in given.items():
        if len(pairs) == 0:
            raise Mistake(f"'{name}' has no {half} images; give some, or None")
    names, labels = numbered(name, {half: labels_of(pairs) for half, pairs in given.items()}, classes)
    apart = Apart(test_share, val_share, split_seed)
    if isinstance(parts_of(train[0])[0], (str, os.PathLike)):
        files = {half: paths_of(name, pairs) for half, pairs in given.items()}
        root = root_of([path for paths in files.values() for path in paths])
        stamped = {half: Files.of(paths, labels[half], list(map(looked_up, paths))) for half, paths in files.items()}
        return common.of(divided(root, name, names, *ordered(stamped), apart))
    made = {half: Unfiled.of(name, half, pairs, labels[half], names, revision) for half, pairs in given.items()}
    return common.of(divided(name, name, names, *ordered(made), apart))


def ordered(halves: Mapping[str, Source]) -> tuple[Source, Source | None, Source | None]:
    return halves["train"], halves.get("val"), halves.get("test")


def parts_of(pair: Any) -> tuple[Any, Any]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise Mistake(f"a data set of pairs gave {type(pair).__name__}; give pairs of an image and its label")
    return pair[0], pair[1]


def labels_of(pairs: Pairs) -> list[Any]:
    """Every label, if possible without opening an image."""
    known = getattr(pairs, "labels", None)
    found = [parts_of(pair)[1] for pair in every(pairs)] if known is None else list(known)
    return [label.item() if hasattr(label, "item") and np.size(label) == 1 else label for label in found]


def every(pairs: Pairs) -> list[Any]:
    """Pairs by their numbers: what has a length and an index need not end a loop by itself."""
    return [pairs[number] for number in range(len(pairs))]


def paths_of(name: str, pairs: Pairs) -> list[str]:
    found = []
    for number, pair in enumerate(every(pairs)):
        image, _ = parts_of(pair)
        if not isinstance(image, (str, os.PathLike)):
            raise Mistake(f"'{name}' gives paths and, as number {number}, {type(image).__name__}; give paths alone")
        path = os.path.abspath(os.path.expanduser(os.fspath(image)))
        if UNFIT.search(path):
            raise Mistake(f"'{name}' names {shown(path)!a}, which is no text in UTF-8 or has controls; rename it")
        found.append(path)
    return found


def root_of(paths: Sequence[str]) -> str:
    """The folder that all are in; names within it stay the same wherever it is moved to."""
    return os.path.commonpath([os.path.dirname(path) for path in paths])
