"""Folders of image files: finding them, and identifying them by name and size."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from unix_exp.data.contents import Contents, below, contents_of
from unix_exp.data.keeping import hash_of
from unix_exp.data.opening import Stamp, content, decoded, looked_up, opened, shown, unreadable
from unix_exp.types import Mistake, Watch

ENDINGS = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".gif", ".bmp")  # of what opening.py reads
UNFIT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # in names: controls, and bytes that are not UTF-8


class Files(NamedTuple):
    """The images of one half of a data set, not yet opened."""

    paths: list[str]
    labels: list[int]
    stamps: np.ndarray  # [N, 4] int64, each file's Stamp when it was found

    @classmethod
    def of(cls, paths: list[str], labels: list[int], stamps: Sequence[Stamp]) -> Files:
        return cls(paths, labels, np.array(stamps, np.int64).reshape(-1, 4))

    def some(self, rows: Sequence[int]) -> Files:
        return Files([self.paths[row] for row in rows], [self.labels[row] for row in rows], self.stamps[list(rows)])

    def and_more(self, others: Files) -> Files:
        return Files(
            self.paths + others.paths, self.labels + others.labels, np.concatenate([self.stamps, others.stamps])
        )

    def called(self, row: int) -> str:
        return shown(self.paths[row])

    def identity(self, root: str, test: Files) -> str:
        return identify(root, self, test)

    def contents(self, root: str, test: Files, cache: Path, watch: Watch | None = None) -> Contents:
        return contents_of(root, (self, test), cache, watch)

    def image(self, row: int, hashed: np.ndarray | None = None) -> Image.Image:
        """RGB. Only a file with another stamp is compared with its hash, as that takes a second reading."""
        path = self.paths[row]
        file, stamp = opened(path)
        with file:
            if hashed is not None and stamp != tuple(self.stamps[row].tolist()):
                self.compare(path, hashed)
            return decoded(file, path)

    def certain(self, row: int, hashed: np.ndarray | None) -> Image.Image:
        """RGB of the very bytes that have this hash."""
        path = self.paths[row]
        data, _ = content(path)
        if hashed is not None and hash_of(data) != hashed.tobytes():
            raise Mistake(f"'{shown(path)}' was changed while it was read; the same command begins again")
        return decoded(BytesIO(data), path)

    def compare(self, path: str, hashed: np.ndarray) -> None:
        if hash_of(content(path)[0]) != hashed.tobytes():
            raise Mistake(f"'{shown(path)}' was changed while a run reads it; put it back and start again")


def existing_folder(path: str, setting: str) -> str:
    """The folder a setting names, with ~ filled in."""
    path = os.path.expanduser(path)
    if not os.path.isdir(path):
        raise Mistake(f"{setting} is '{path}'; there is no such folder")
    return path


def find_classes(folder: str) -> tuple[str, ...]:
    """The class names: the sorted subfolders."""
    if not os.path.isdir(folder):
        raise Mistake(f"'{folder}' is missing; images belong in {os.path.basename(folder)}/<class>/")
    names = [name for name in names_in(folder) if is_folder(os.path.join(folder, name))]
    if len(names) < 2:
        raise Mistake(f"'{folder}' has {len(names)} class folders; it needs two or more")
    for name in names:
        check_name(name, folder)
    return tuple(names)


def names_in(folder: str) -> list[str]:
    """The sorted names of what is not hidden there."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise unreadable(folder, error) from None


def is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except OSError as error:  # a link that leads nowhere or in a circle may have been a class
        raise unreadable(path, error) from None


def check_name(name: str, folder: str) -> None:
    """Names are printed, recorded and drawn: here is where odd ones are stopped."""
    if UNFIT.search(name):
        raise Mistake(f"{name!a} in '{shown(folder)}' has bytes that are no text in UTF-8, or controls; rename it")


def names_by_class(folder: str, classes: Sequence[str], inside: str = ".") -> dict[str, list[str]]:
    """What lies in each class folder, by its path: listed once, because folders on a network take long."""
    subfolders = [os.path.normpath(os.path.join(folder, name, inside)) for name in classes]
    return {subfolder: names_in(subfolder) if os.path.isdir(subfolder) else [] for subfolder in subfolders}


def find_images(folder: str, classes: Sequence[str], inside: str = ".") -> Files:
    """Every image of every class in sorted order; files that aren't images are passed over."""
    return images_among(names_by_class(folder, classes, inside), classes)


def images_among(names: Mapping[str, Sequence[str]], classes: Sequence[str]) -> Files:
    paths: list[str] = []
    labels: list[int] = []
    for label, (subfolder, within) in enumerate(names.items()):
        images = [one for one in within if one.lower().endswith(ENDINGS)]
        if not images:
            raise Mistake(
                f"'{subfolder}' has no images ({', '.join(ENDINGS)}); add some or remove class '{classes[label]}'"
            )
        for one in images:
            check_name(one, subfolder)
        paths += [os.path.join(subfolder, one) for one in images]
        labels += [label] * len(images)
    return Files.of(paths, labels, [looked_up(path) for path in paths])


def identify(root: str, *halves: Files) -> str:
    """A hash of names, sizes and labels: the same wherever the files are and whenever they were copied.

    It names a run before anything is read; what is in the files is compared when a run begins (contents.py).
    """
    digest = hashlib.sha256()
    for half in halves:
        digest.update(b"half\n")
        for path, label, size in zip(half.paths, half.labels, half.stamps[:, 0].tolist(), strict=True):
            digest.update(f"{below(root, path)} {size} {label}\n".encode())
    return digest.hexdigest()
