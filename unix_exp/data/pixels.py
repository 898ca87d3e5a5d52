"""The decoded pixels of a data set in dataset.cache, beside a manifest that says what they are of, and their hash."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from unix_exp.data.keeping import alone, bytes_of, hash_of, put

DECODING = 4  # how files become pixels: increase it when others come of the same files
MOST_BYTES = 2**20  # of a manifest


class Pixels(NamedTuple):
    """All images, training and then test, and the statistics of the training images."""

    values: np.ndarray  # [M, size, size, 3] uint8
    statistics: np.ndarray  # [2, 3], mean and standard deviation by channel


class Kept:
    """Where the pixels of some contents are, in one size."""

    def __init__(self, cache: Path, contents: str, count: int, size: int) -> None:
        name = f"pixels-{contents[:16]}-{size}-{DECODING}"
        self.manifest, self.file = cache / f"{name}.json", cache / f"{name}.npy"
        self.shape = [count, size, size, 3]
        self.of = {"contents": contents, "decoding": DECODING, "shape": self.shape}

    def described(self) -> dict[str, Any]:
        """The manifest; empty where there is none of these contents as it was written."""
        text = bytes_of(self.manifest)
        if text is None or len(text) > MOST_BYTES:
            return {}
        try:
            found = json.loads(text.tobytes())
            fits = found["of"] == self.of and found.pop("check") == check_of(found)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return {}
        return dict(found) if fits else {}

    def there(self) -> bool:
        """Whether it seems whole: the content is compared where it is read."""
        found = self.described()
        return bool(found) and self.file.is_file() and self.file.stat().st_size == found["bytes"]

    def read(self) -> Pixels | None:
        found = self.described()
        content = bytes_of(self.file, found["bytes"]) if found else None
        if content is None or hash_of(content).hex() != found["hash"]:
            return None
        return Pixels(content[-prod(self.shape) :].reshape(self.shape), np.array(found["statistics"]))

    def made(self, make: Callable[[], Pixels]) -> Pixels:
        """What is kept, or else is made now, by one process while others wait for it."""
        if (found := self.read()) is not None:
            return found
        with alone(self.manifest):
            if (found := self.read()) is not None:
                return found
            made = make()
            self.write(made)
            return made

    def write(self, pixels: Pixels) -> None:
        header = BytesIO()
        described = {"descr": "|u1", "fortran_order": False, "shape": pixels.values.shape}
        np.lib.format.write_array_header_1_0(header, described)

        def write(file: BinaryIO) -> None:
            file.write(header.getvalue())
            file.write(np.ascontiguousarray(pixels.values).data)

        put(self.file, write)
        manifest = {
            "of": self.of,
            "bytes": len(header.getvalue()) + pixels.values.size,
            "hash": hash_of(header.getvalue(), pixels.values).hex(),
            "statistics": pixels.statistics.tolist(),
        }
        text = json.dumps({**manifest, "check": check_of(manifest)}, indent=1) + "\n"
        put(self.manifest, lambda file: file.write(text.encode()))


def check_of(manifest: dict[str, Any]) -> str:
    return hash_of(json.dumps(manifest, sort_keys=True).encode()).hex()
