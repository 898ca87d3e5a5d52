"""What is in image files: a hash of each, made once and remembered for as long as the file stays as it is.

Two kinds of files of dataset.cache hold it. The index of a folder says which file had which hash when, so that the next
start reads no image; a copied or old one is harmless, because another file has another stamp. The list of a set of
contents says which name had which hash, so that a change can be said by name later.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unix_exp.data.keeping import LENGTH, alone, arrays_of, hash_of, put_arrays
from unix_exp.data.opening import content, side_of
from unix_exp.data.pieces import each_piece
from unix_exp.types import Watch

if TYPE_CHECKING:
    from unix_exp.data.files import Files

PIECE = 64  # files that a thread reads at a time
SETTLED = 2.0  # seconds: a file changed just now may change again within the same tick of its clock
FORMAT = 1


class Contents(NamedTuple):
    """The images of a data set, training and then test images."""

    names: list[str]
    hashes: np.ndarray  # [N, LENGTH] uint8, of the files
    sides: np.ndarray  # [N] int32, the shorter side in pixels
    digest: str  # of all: names, hashes and labels


def contents_of(root: str, halves: Sequence[Files], cache: Path, watch: Watch | None = None) -> Contents:
    """Read what is not remembered. Stamps are brought up to date: they are of the files whose hashes are returned."""
    paths = [path for half in halves for path in half.paths]
    names = [below(root, path) for path in paths]
    stamps = np.concatenate([half.stamps for half in halves])
    kept = index_of(root, cache)
    hashes, sides = recall(arrays_of(kept), names, stamps)
    if not sides.all():
        with alone(kept):
            hashes, sides = recall(arrays_of(kept), names, stamps)  # another process may have read them while we waited
            try:
                read(paths, np.flatnonzero(sides == 0), stamps, hashes, sides, watch)
            finally:  # what was read until a broken file or Ctrl-C is not read again
                remember(kept, names, stamps, hashes, sides)
        for half, some in zip(halves, np.split(stamps, np.cumsum([len(half.paths) for half in halves])), strict=False):
            half.stamps[:] = some
    return described(names, hashes, sides, [half.labels for half in halves], cache)


def below(root: str, path: str) -> str:
    """A file's name within its data set, the same on every system."""
    return path[len(root) :].replace(os.sep, "/").lstrip("/")


def described(
    names: list[str], hashes: np.ndarray, sides: np.ndarray, labels: Sequence[Sequence[int]], cache: Path
) -> Contents:
    """What was read, with its digest; the list of it is kept, so that a later change can be named."""
    every = np.array([label for half in labels for label in half], np.int64)
    counts = np.array([len(half) for half in labels], np.int64)
    found = Contents(names, hashes, sides, hash_of(text_of(names), hashes, every, counts).hex())
    listed = list_of(found.digest, cache)
    if not listed.exists():
        with alone(listed):
            put_arrays(listed, {"names": text_of(names), "hashes": hashes})
    return found


def index_of(root: str, cache: Path) -> Path:
    folder = hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:16]
    return cache / f"index-{folder}.npz"


def list_of(digest: str, cache: Path) -> Path:
    return cache / f"contents-{digest[:16]}.npz"


def recall(kept: dict[str, np.ndarray], names: Sequence[str], stamps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hashes and sides of files that have the stamp that they had; a side of 0 where there is none."""
    hashes, sides = np.zeros((len(names), LENGTH), np.uint8), np.zeros(len(names), np.int32)
    try:
        if int(kept["format"]) != FORMAT:
            return hashes, sides
        known = {name: row for row, name in enumerate(names_of(kept["names"]))}
        rows = np.array([known.get(name, -1) for name in names])
        same = (rows >= 0) & (kept["stamps"][rows] == stamps).all(axis=1)
        hashes[same], sides[same] = kept["hashes"][rows[same]], kept["sides"][rows[same]]
    except (KeyError, IndexError, ValueError, TypeError):  # none, or of another program
        pass
    return hashes, sides


def read(
    paths: Sequence[str], missing: np.ndarray, stamps: np.ndarray, hashes: np.ndarray, sides: np.ndarray,
    watch: Watch | None,
) -> None:  # fmt: skip
    """Hash files, and look at each image's header."""

    def fill(rows: np.ndarray) -> None:
        for row in rows:
            data, stamps[row] = content(paths[row])
            hashes[row] = np.frombuffer(hash_of(data), np.uint8)
            sides[row] = side_of(data, paths[row])  # last: it says that the row is complete

    pieces = [missing[start : start + PIECE] for start in range(0, len(missing), PIECE)]
    each_piece(fill, pieces, "reading images", watch)


def remember(path: Path, names: Sequence[str], stamps: np.ndarray, hashes: np.ndarray, sides: np.ndarray) -> None:
    recent = stamps[:, 1:3].max(axis=1, initial=0) > (time.time() - SETTLED) * 1e9
    arrays = {
        "format": np.array(FORMAT), "names": text_of(names), "stamps": stamps, "hashes": hashes,
        "sides": np.where(recent, 0, sides).astype(np.int32),
    }  # fmt: skip
    put_arrays(path, arrays)


def text_of(names: Sequence[str]) -> np.ndarray:
    return np.frombuffer("\n".join(names).encode(), np.uint8)


def names_of(text: np.ndarray) -> list[str]:
    return text.tobytes().decode().split("\n")


def differing(now: Contents, digest: str, cache: Path) -> list[str]:
    """The names whose contents are not what they were; none where that is not known any more."""
    kept = arrays_of(list_of(digest, cache))
    try:
        before = dict(zip(names_of(kept["names"]), kept["hashes"].tolist(), strict=True))
    except (KeyError, ValueError, AttributeError):
        return []
    rows = now.hashes.tolist()
    return [name for name, row in zip(now.names, rows, strict=True) if before.get(name) != row]
