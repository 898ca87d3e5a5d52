"""What data sets of images from outside have in common: they know what the images are, and what is odd about them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from unix_exp.data.contents import Contents, differing
from unix_exp.data.source import Source
from unix_exp.types import Watch

TINY = 8  # pixels: a smaller image shows next to nothing


class OfFiles:
    """Two halves of images, in files or elsewhere, with a folder for what is remembered of them.

    The first half holds the training images and, in the rows `held_rows`, those for validation.
    """

    root: str
    size: int
    classes: tuple[str, ...]
    train: Source
    test: Source
    cache: Path
    held_rows: Sequence[int] = ()
    notes: Sequence[str] = ()  # on how they were found
    _contents: Contents | None = None

    def fingerprint(self) -> str:
        if not self.held_rows:
            return f"{self.identity}-{self.size}"
        return f"{self.identity}-{self.size}-val{hashlib.sha256(str(list(self.held_rows)).encode()).hexdigest()[:12]}"

    @cached_property
    def identity(self) -> str:
        return self.train.identity(self.root, self.test)

    def contents(self, watch: Watch | None = None) -> Contents:
        """What is in the files; those that are not remembered are read."""
        if self._contents is None:
            self._contents = self.train.contents(self.root, self.test, self.cache, watch)
        return self._contents

    def content_hash(self, watch: Watch | None = None) -> str:
        return self.contents(watch).digest

    def changed_since(self, content_hash: str) -> list[str]:
        """The images that are not what they were then; none where that is not known any more."""
        return differing(self.contents(), content_hash, self.cache)

    def examine(self, watch: Watch | None = None) -> list[str]:
        """Look at every image, and say what is odd."""
        return [*self.notes, *odd(self.contents(watch), self.train.labels)]


def odd(found: Contents, labels: list[int]) -> list[str]:
    """Notes, a line each."""
    hashes = [row.tobytes() for row in found.hashes]
    count = len(labels)
    notes = []
    first = {one: number for number, one in reversed(list(enumerate(hashes[:count])))}
    shared = [number for number in range(count, len(hashes)) if hashes[number] in first]
    if shared:
        pair = f"{found.names[shared[0]]} is {found.names[first[hashes[shared[0]]]]}"
        notes.append(
            f"{len(shared)} of {len(hashes) - count} test images are training images too ({pair}): the accuracy on "
            "them says nothing of new images"
        )
    doubted = [number for number in range(count) if labels[first[hashes[number]]] != labels[number]]
    if doubted:
        pair = f"{found.names[doubted[0]]} is {found.names[first[hashes[doubted[0]]]]}"
        notes.append(f"{some(doubted)} in two classes ({pair})")
    tiny = np.flatnonzero(found.sides < TINY).tolist()
    if tiny:
        notes.append(f"{some(tiny)} below {TINY} pixels, such as {found.names[tiny[0]]}: enlarged, they show little")
    return notes


def some(numbers: Iterable[int]) -> str:
    count = len(list(numbers))
    return f"{count} images are" if count > 1 else "1 image is"
