"""Images that are no files: opened by another library, encoded in a table, or made by code."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from unix_exp.data.contents import PIECE, Contents, described, recall, remember
from unix_exp.data.keeping import alone, arrays_of, hash_of
from unix_exp.data.opening import MOST_BYTES, as_colours, content, decoded
from unix_exp.data.pieces import each_piece
from unix_exp.types import Mistake, Watch
from unix_exp.words import first_line

ONE = threading.Lock()  # code that makes images need not expect to be asked by several threads


class Unfiled(NamedTuple):
    """Rows of sequences of pairs (image, label)."""

    name: str  # of the data set
    halves: tuple[str, ...]  # of each sequence
    pairs: tuple[Any, ...]
    at: np.ndarray  # [N, 2] int64: which sequence, and where in it
    labels: list[int]
    classes: tuple[str, ...]
    revision: str | None

    @classmethod
    def of(
        cls, name: str, half: str, pairs: Any, labels: list[int], classes: tuple[str, ...], revision: str | None
    ) -> Unfiled:
        at = np.stack([np.zeros(len(labels), np.int64), np.arange(len(labels))], axis=1)
        return cls(name, (half,), (pairs,), at, labels, classes, revision)

    def some(self, rows: Sequence[int]) -> Unfiled:
        return self._replace(at=self.at[list(rows)], labels=[self.labels[row] for row in rows])

    def and_more(self, others: Unfiled) -> Unfiled:
        at = np.concatenate([self.at, others.at + np.array([len(self.pairs), 0])])
        halves, pairs = self.halves + others.halves, self.pairs + others.pairs
        return self._replace(halves=halves, pairs=pairs, at=at, labels=self.labels + others.labels)

    def place(self, row: int) -> str:
        """What an image is called within its data set."""
        part, number = self.at[row].tolist()
        return f"{self.halves[part]}/{number}"

    def called(self, row: int) -> str:
        return f"image {self.place(row)} of {self.name}"

    def given(self, row: int) -> bytes | Image.Image:
        """A file's bytes, or RGB."""
        part, number = self.at[row].tolist()
        with ONE:
            try:
                image, _ = self.pairs[part][number]
            except Exception as error:
                why = f"{type(error).__name__}: {first_line(error)}"
                raise Mistake(f"'{self.called(row)}' can't be read ({why}); repair or remove it") from error
        return taken(image, self.called(row))

    def image(self, row: int, hashed: np.ndarray | None = None) -> Image.Image:
        data = self.given(row)
        if hashed is not None and hash_of_image(data) != hashed.tobytes():
            raise Mistake(
                f"'{self.called(row)}' is another image than before; a data set gives the same image for a number each "
                "time, and augments none itself"
            )
        return data if isinstance(data, Image.Image) else decoded(BytesIO(data), self.called(row))

    def certain(self, row: int, hashed: np.ndarray | None) -> Image.Image:
        return self.image(row, hashed)

    def identity(self, root: str, test: Unfiled) -> str:
        known = self.name if self.revision is None else self.revision
        digest = hashlib.sha256(repr((known, self.classes)).encode())
        for half in (self, test):
            digest.update(repr((half.halves, half.at.tolist(), half.labels)).encode())
        return digest.hexdigest()

    def contents(self, root: str, test: Unfiled, cache: Path, watch: Watch | None = None) -> Contents:
        """What is known by the revision, or else is looked at."""
        names = [half.place(row) for half in (self, test) for row in range(len(half.labels))]
        every = [(half, row) for half in (self, test) for row in range(len(half.labels))]
        stamps = np.zeros((len(names), 4), np.int64)  # nothing changes but by another revision
        kept = cache / f"revision-{self.identity(root, test)[:16]}.npz" if self.revision is not None else None
        hashes, sides = recall({} if kept is None else arrays_of(kept), names, stamps)
        if not sides.all():
            look(every, hashes, sides, watch)
            if kept is not None:
                with alone(kept):
                    remember(kept, names, stamps, hashes, sides)
        return described(names, hashes, sides, [self.labels, test.labels], cache)


def look(
    every: Sequence[tuple[Unfiled, int]], hashes: np.ndarray, sides: np.ndarray, watch: Watch | None = None
) -> None:
    def fill(start: int) -> None:
        for place, (half, row) in enumerate(every[start : start + PIECE], start):
            data = half.given(row)
            image = data if isinstance(data, Image.Image) else decoded(BytesIO(data), half.called(row))
            hashes[place] = np.frombuffer(hash_of_image(data), np.uint8)
            sides[place] = min(image.size)

    each_piece(fill, range(0, len(every), PIECE), "reading images", watch)


def hash_of_image(data: bytes | Image.Image) -> bytes:
    return hash_of(data) if isinstance(data, bytes) else hash_of(repr(data.size).encode(), data.tobytes())


def taken(image: Any, name: str) -> bytes | Image.Image:
    """An image of any kind that a pair may hold."""
    if isinstance(image, dict) and {"bytes", "path"} <= set(image):  # as a table of Hugging Face encodes it
        image = image["path"] if image["bytes"] is None else image["bytes"]
    if isinstance(image, Image.Image):
        return as_colours(image, name)
    if isinstance(image, bytes):
        if not 0 < len(image) <= MOST_BYTES:
            raise Mistake(f"'{name}' has {len(image):,} bytes; repair or remove it")
        return image
    if isinstance(image, (str, os.PathLike)):
        return content(os.fspath(image))[0]
    return as_colours(Image.fromarray(pixels_of(image, name)), name)


def pixels_of(image: Any, name: str) -> np.ndarray:
    """[H, W] or [H, W, 3 or 4] uint8 of an array, or of a tensor that may have its channels first."""
    values = np.asarray(image)
    if values.ndim == 3 and values.shape[2] not in (1, 3, 4) and values.shape[0] in (1, 3, 4):
        values = values.transpose(1, 2, 0)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    fits = values.ndim == 2 or (values.ndim == 3 and values.shape[2] in (3, 4))
    if values.dtype != np.uint8 or not fits or not values.size:
        raise Mistake(
            f"'{name}' is {type(image).__name__} of {values.dtype} {list(values.shape)}; give a path, a PIL image, or "
            "uint8 as [height, width, 3]"
        )
    return np.ascontiguousarray(values)
