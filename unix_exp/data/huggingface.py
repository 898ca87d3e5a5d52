"""Image sets of Hugging Face's library `datasets`: a folder that it saved, or a name that is in its cache."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from unix_exp.data.augment.choice import Augment, Flip
from unix_exp.data.common import Cache, Mean, Size, Std, Stream, Title
from unix_exp.data.held_out import HeldOut, SplitSeed, TestShare
from unix_exp.data.layouts import HALVES
from unix_exp.data.pairs import of_pairs
from unix_exp.data.streamed import Workers
from unix_exp.registry import datasets
from unix_exp.types import Dataset, Mistake
from unix_exp.words import as_line, first_line, listed, nearest

SAVED = ("state.json", "dataset_dict.json")  # what a folder has that save_to_disk wrote


@datasets.register("huggingface")
def huggingface(
    set: Annotated[str | None, "its name on Hugging Face, such as uoft-cs/cifar10"] = None,
    path: Annotated[str | None, "or the folder that save_to_disk wrote"] = None,
    config: Annotated[str | None, "which of a set's configurations, if it has several"] = None,
    download: Annotated[bool, "fetch the set if it is not there"] = False,
    image: Annotated[str | None, "the column of images; null: the only one"] = None,
    label: Annotated[str | None, "the column of class labels; null: the only one"] = None,
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
    """A set of Hugging Face, on the device if small and few, else streamed."""
    if (set is None) == (path is None):
        raise Mistake("give dataset.set, a name on Hugging Face, or dataset.path, a folder with a set; one of them")
    if set is not None and os.path.isdir(os.path.expanduser(set)):
        raise Mistake(f"dataset.set is the folder '{set}'; give it as dataset.path")
    name = set or os.path.basename(os.path.abspath(os.path.expanduser(str(path))))
    splits = loaded(set, None if path is None else os.path.expanduser(path), config, download)
    chosen = {"train": train_split, "val": val_split, "test": test_split}
    found = {half: splits[one] for half, one in names_of(name, list(splits), chosen).items()}
    columns = columns_of(name, found["train"].features, image, label)
    halves = {half: Half(data, *columns) for half, data in found.items()}
    kind = found["train"].features[columns[1]]
    return of_pairs(
        name, halves["train"], halves.get("test"), getattr(kind, "names", None), halves.get("val"),
        revision=",".join(f"{half} {data._fingerprint}" for half, data in sorted(found.items())),
        test_share=test, val_share=val, split_seed=split_seed,
        size=size, mean=mean, std=std, cache=cache, augment=augment, flip=flip, stream=stream, workers=workers,
    )  # fmt: skip


class Half:
    """One split as pairs; an image comes as it is stored, and is decoded like a file."""

    def __init__(self, data: Any, image: str, label: str) -> None:
        import datasets as library

        self.image = image
        self.labels = list(data.with_format(None).select_columns([label])[:][label])
        self.data = data.with_format(None).select_columns([image]).cast_column(image, library.Image(decode=False))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        return self.data[number][self.image], self.labels[number]


def loaded(name: str | None, path: str | None, config: str | None, download: bool) -> Mapping[str, Any]:
    """The splits by name."""
    try:
        import datasets as library
    except ImportError:
        raise Mistake("dataset=huggingface needs the library datasets; pip install 'unix_exp[data]'") from None
    if path is not None and not os.path.isdir(path):
        raise Mistake(f"dataset.path is '{path}'; there is no such folder")
    try:
        with quietly(download):
            if path is not None and any(os.path.isfile(os.path.join(path, one)) for one in SAVED):
                found = library.load_from_disk(path)
            else:
                found = library.load_dataset(path or name, name=config)
    except Exception as error:  # its own, the network's, those of damaged files
        why = as_line(first_line(error))[:300]
        if path is None and not download:
            raise Mistake(
                f"Hugging Face's '{name}' is not on this machine ({why}); fetch it once with dataset.download=true, or "
                "give a folder that save_to_disk wrote as dataset.path"
            ) from None
        raise Mistake(f"Hugging Face's '{path or name}' can't be loaded ({why})") from None
    return found if isinstance(found, dict) else {"train": found}


@contextmanager
def quietly(download: bool) -> Iterator[None]:
    """Without progress bars and, unless it may download, without asking a network that may not answer."""
    import datasets as library
    from huggingface_hub import constants

    before = (constants.HF_HUB_OFFLINE, library.config.HF_HUB_OFFLINE)
    bars = library.is_progress_bar_enabled()
    if not download:
        constants.HF_HUB_OFFLINE = library.config.HF_HUB_OFFLINE = True
    library.disable_progress_bars()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, library.config.HF_HUB_OFFLINE = before
        if bars:
            library.enable_progress_bars()


def names_of(name: str, splits: Sequence[str], chosen: Mapping[str, str | None]) -> dict[str, str]:
    """Which split is which half: those chosen, else by their usual names; a single one is all training images."""
    for half, split in chosen.items():
        if split is not None and split not in splits:
            raise Mistake(f"dataset.{half}_split is '{split}', which '{name}' lacks; {nearest(split, splits)}")
    found = {half: split for half, split in chosen.items() if split is not None}
    for half, usual in HALVES.items():
        free = [split for split in splits if split not in found.values() and split.lower() in usual]
        if half not in found and free:
            found[half] = free[0]
    if "train" not in found and len(splits) == 1:
        found["train"] = splits[0]
    if "train" not in found:
        raise Mistake(f"'{name}' has the splits {listed(list(splits))}; choose dataset.train_split and test_split")
    if "test" not in found and "val" in found and chosen["val"] is None:
        found["test"] = found.pop("val")  # as in a folder: what is not trained on is tested on
    return found


def columns_of(name: str, features: Any, image: str | None, label: str | None) -> tuple[str, str]:
    """The columns of images and labels: those chosen, else the only ones of their kinds."""
    import datasets as library

    kinds = {"image": library.Image, "label": library.ClassLabel}
    found = {}
    for what, chosen in (("image", image), ("label", label)):
        of_kind = [one for one, feature in features.items() if isinstance(feature, kinds[what])]
        if chosen is None and not of_kind and what in features:
            of_kind = [what]
        if chosen is not None and chosen not in features:
            raise Mistake(f"dataset.{what} is '{chosen}', a column that '{name}' lacks; {nearest(chosen, features)}")
        if chosen is None and len(of_kind) != 1:
            there = listed(of_kind or list(features))
            raise Mistake(f"'{name}' has {len(of_kind) or 'no'} columns of {what}s ({there}); choose dataset.{what}")
        found[what] = chosen or of_kind[0]
    if not isinstance(features[found["image"]], library.Image):
        raise Mistake(f"column '{found['image']}' of '{name}' holds no images; choose dataset.image")
    return found["image"], found["label"]
