"""Image files decoded once: the pixels are kept in a cache, so that the next start is fast."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
import torch
from PIL import Image, ImageOps

from unix_exp.data.files import Files, identify, open_image
from unix_exp.data.resident import Images, Resident
from unix_exp.types import Mistake, Watch


class Decoded(Resident):
    """Image files small enough to live on the device together."""

    def __init__(
        self,
        root: str,
        classes: tuple[str, ...],
        train: Files,
        test: Files,
        size: int,
        mean: Sequence[float] | None,
        std: Sequence[float] | None,
        cache: str,
        augment: bool,
        flip: bool,
    ) -> None:
        self.root, self.cache = root, os.path.expanduser(cache)
        self.classes, self.train, self.test, self.size = classes, train, test, size
        self.train_count, self.test_count = len(train.paths), len(test.paths)
        self.given_mean, self.given_std = mean, std
        self.augment, self.flip = augment, flip

    def fingerprint(self) -> str:
        return f"{self.identity}-{self.size}"

    @cached_property
    def identity(self) -> str:
        return identify(self.root, self.train, self.test)

    def read(self, watch: Watch | None) -> tuple[Images, Images]:
        paths = self.train.paths + self.test.paths
        kept = os.path.join(self.cache, f"{self.identity[:16]}-{self.size}")
        shape = (len(paths), self.size, self.size, 3)
        pixels = remembered(f"{kept}.npy", shape, np.uint8, lambda: decode(paths, self.size, watch))
        train, test = np.split(pixels, [self.train_count])
        if self.given_mean is None or self.given_std is None:
            mean, std = remembered(f"{kept}-statistics.npy", (2, 3), np.float64, lambda: statistics(train))
        self.mean = self.given_mean or mean.tolist()
        self.std = self.given_std or std.tolist()
        halves = (train, self.train.labels), (test, self.test.labels)
        first, second = (Images(torch.from_numpy(some), torch.tensor(labels)) for some, labels in halves)
        return first, second


def decode(paths: Sequence[str], size: int, watch: Watch | None = None, piece: int = 64) -> np.ndarray:
    """Files to [M, size, size, 3] uint8; Pillow decodes outside the interpreter's lock, so threads are enough."""
    pixels = np.empty((len(paths), size, size, 3), np.uint8)

    def fill(start: int) -> None:
        for row, path in enumerate(paths[start : start + piece], start):
            pixels[row] = np.asarray(fitted(open_image(path), size))

    starts = range(0, len(paths), piece)
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        done = pool.map(fill, starts)
        for _ in watch(done, "decoding", len(starts)) if watch else done:
            pass
    finally:
        pool.shutdown(cancel_futures=True)  # the first broken file ends the decoding
    return pixels


def fitted(image: Image.Image, size: int) -> Image.Image:
    """Scale the shorter side to `size` and cut out the middle; an image of that size stays as it is."""
    return image if image.size == (size, size) else ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)


def statistics(pixels: np.ndarray) -> np.ndarray:
    """Mean and standard deviation by channel, of pixels in [0, 1]: exact, as eight bits have 256 values to count."""
    values = np.arange(256) / 255
    counts = np.zeros((3, 256))
    for some in np.array_split(pixels.reshape(-1, 3), max(1, pixels.size // 2**22)):
        counts += [np.bincount(channel, minlength=256) for channel in some.T]
    mean = counts @ values / counts.sum(1)
    variance = counts @ values**2 / counts.sum(1) - mean**2
    return np.stack([mean, np.sqrt(variance.clip(1e-6))])  # pixels are divided by it; of one colour it would be 0


def remembered(path: str, shape: tuple[int, ...], dtype: type, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array kept at `path`; where there is none of that shape, make it and keep it."""
    try:
        with open(path, "rb") as file:
            kept = np.lib.format.read_array(file, allow_pickle=False)
            if kept.shape == shape and kept.dtype == dtype:
                return kept
    except (OSError, ValueError, EOFError):
        pass  # missing, incomplete or another file: it is made anew
    made = make()
    unfinished = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(unfinished, "wb") as file:
            np.save(file, made)
        os.replace(unfinished, path)  # whole or not at all, also when two runs start together
    except OSError as error:
        raise Mistake(f"dataset.cache can't be written at '{path}' ({error.strerror}); choose another") from error
    finally:
        if os.path.exists(unfinished):
            os.remove(unfinished)
    return made
