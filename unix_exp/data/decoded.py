"""Image files decoded once: the pixels are kept in a cache, so that the next start is fast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from unix_exp.data.augment.choice import Augment, checked
from unix_exp.data.of_files import OfFiles
from unix_exp.data.pieces import each_piece
from unix_exp.data.pixels import Kept, Pixels
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.data.resident import Images, Resident
from unix_exp.data.source import Source
from unix_exp.types import Watch


class Decoded(OfFiles, Resident):
    """Image files small enough to live on the device together."""

    def __init__(
        self,
        root: str,
        classes: tuple[str, ...],
        train: Source,
        test: Source,
        size: int,
        mean: Sequence[float] | None,
        std: Sequence[float] | None,
        cache: str,
        augment: Augment,
        flip: bool,
        held: Sequence[int] = (),
    ) -> None:
        self.root, self.cache = root, Path(cache).expanduser()
        self.classes, self.train, self.test, self.size = classes, train, test, size
        self.held_rows, self.val_count = held, len(held)
        self.train_count, self.test_count = len(train.labels) - len(held), len(test.labels)
        self.given_mean, self.given_std = mean, std
        self.augment, self.flip = checked(augment), flip

    def examine(self, watch: Watch | None = None) -> list[str]:
        """Also decode what is not in the cache: a file that cannot be is found here."""
        notes = super().examine(watch)
        if not self.kept(watch).there():
            self.pixels(watch)
        return notes

    def kept(self, watch: Watch | None = None) -> Kept:
        return Kept(self.cache, self.content_hash(watch), len(self.train.labels) + self.test_count, self.size)

    def held(self, labels: Sequence[int]) -> list[int]:
        return list(self.held_rows)

    def pixels(self, watch: Watch | None = None) -> Pixels:
        def make() -> Pixels:
            hashes = self.contents().hashes
            values = decode((self.train, self.test), self.size, watch, hashes)
            return Pixels(values, statistics(values[: len(self.train.labels)]))

        return self.kept(watch).made(make)

    def read(self, watch: Watch | None) -> tuple[Images, Images]:
        values, (mean, std) = self.pixels(watch)
        self.mean = self.given_mean or mean.tolist()
        self.std = self.given_std or std.tolist()
        halves = zip(np.split(values, [len(self.train.labels)]), (self.train.labels, self.test.labels), strict=True)
        train, test = (Images(torch.from_numpy(some), torch.tensor(labels)) for some, labels in halves)
        return train, test


def decode(
    halves: Sequence[Source], size: int, watch: Watch | None = None, hashes: np.ndarray | None = None, piece: int = 64
) -> np.ndarray:
    """Images to [M, size, size, 3] uint8; Pillow decodes outside the interpreter's lock, so threads are enough."""
    every = [(half, row) for half in halves for row in range(len(half.labels))]
    pixels = np.empty((len(every), size, size, 3), np.uint8)
    plain = Preprocessing(size, size, "bicubic", (0.0,) * 3, (1.0,) * 3)

    def fill(start: int) -> None:
        for place, (half, row) in enumerate(every[start : start + piece], start):
            image = half.certain(row, None if hashes is None else hashes[place])
            pixels[place] = np.asarray(plain.square(image))

    each_piece(fill, range(0, len(every), piece), "decoding", watch)
    return pixels


def statistics(pixels: np.ndarray) -> np.ndarray:
    """Mean and standard deviation by channel, of pixels in [0, 1]: exact, as eight bits have 256 values to count."""
    values = np.arange(256) / 255
    counts = np.zeros((3, 256))
    for some in np.array_split(pixels.reshape(-1, 3), max(1, pixels.size // 2**22)):
        counts += [np.bincount(channel, minlength=256) for channel in some.T]
    mean = counts @ values / counts.sum(1)
    variance = counts @ values**2 / counts.sum(1) - mean**2
    return np.stack([mean, np.sqrt(variance.clip(1e-6))])  # pixels are divided by it; of one colour it would be 0
