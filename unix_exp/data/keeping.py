"""Files of dataset.cache: written whole or not at all, by one process at a time, and read only as they were written."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock

from unix_exp.data.opening import without_waiting
from unix_exp.types import Mistake

MOST_BYTES = 2**36  # of a cache; what claims to be larger is none
LENGTH = 16  # bytes of a hash: enough against accidents, and the list of a million images stays small
LONG = 3600.0  # seconds


def hash_of(*parts: Any) -> bytes:
    """Of bytes or arrays, one after the other."""
    digest = hashlib.blake2b(digest_size=LENGTH)
    for part in parts:
        digest.update(memoryview(part).cast("B"))
    return digest.digest()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """No other process writes this file, or one beside it of the same stem; what a killed one has left is removed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.name}.lock"))
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise unwritable(path, error) from None
    try:
        for left in (*path.parent.glob(f".{path.stem}.*.part"), *abandoned(path.parent)):
            with suppress(OSError):
                left.unlink()
        yield
    finally:
        lock.release()


def abandoned(folder: Path) -> Iterator[Path]:
    """Unfinished files as earlier versions named them, which took no lock: nobody writes one for so long."""
    for path in folder.glob("*.npy.[0-9]*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > LONG:
                yield path


def put(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file while it is held `alone`."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            write(file)  # not waiting for the disk: what a crash of the machine leaves is noticed by its hash
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def unwritable(path: Path, error: Exception) -> Mistake:
    why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return Mistake(f"dataset.cache can't be written at '{path}' ({why}); choose another")


def bytes_of(path: Path, expected: int | None = None) -> np.ndarray | None:
    """A regular file's bytes; None where it isn't there, isn't one or has another length."""
    try:
        with open(path, "rb", opener=without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_BYTES:
                return None
            if expected is not None and found.st_size != expected:
                return None
            return np.fromfile(file, np.uint8, found.st_size)
    except OSError:
        return None


def put_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Named arrays in one file that ends with its hash; call it while the file is held `alone`."""
    made = BytesIO()
    np.savez(made, **arrays)  # type: ignore[arg-type]
    content = made.getbuffer()

    def write(file: BinaryIO) -> None:
        file.write(content)
        file.write(hash_of(content))

    put(path, write)


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """What `put_arrays` wrote; empty where that isn't there as it was written."""
    content = bytes_of(path)
    if content is None or len(content) <= LENGTH or hash_of(content[:-LENGTH]) != content[-LENGTH:].tobytes():
        return {}
    try:
        with np.load(BytesIO(content[:-LENGTH].tobytes()), allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception:  # whole, but of another program
        return {}
