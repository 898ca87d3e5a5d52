"""The teacher asked about every training image in each view, in pieces that a kill cannot lose."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from unix_exp import stopping
from unix_exp.engine.evaluate import evaluation_batch
from unix_exp.engine.runtime import Runtime
from unix_exp.run.answers.choice import Choice
from unix_exp.run.answers.parts import encode
from unix_exp.run.answers.store import Store, check_room, read_json, write_json
from unix_exp.types import Dataset, Mistake, Watch
from unix_exp.words import counted

SECONDS_BETWEEN_SAVES = 20.0


class Work(NamedTuple):
    """What is to be made, and with what."""

    store: Store
    choice: Choice
    parts: tuple[str, ...]
    teacher: nn.Module
    data: Dataset
    runtime: Runtime
    batch: int  # of the recipe
    image_bytes: int  # of one image's answer
    views: int  # the first so many are made

    @property
    def missing(self) -> list[int]:
        return [view for view in range(self.views) if not self.store.has(view, self.parts)]


def make_missing(work: Work, watch: Watch, say: Callable[[str], None]) -> None:
    """Make the views that are not there; where another process makes them, wait for it."""
    if not work.missing:
        return
    with work.store.alone(lambda: say(f"waiting for the process that stores answers in {work.store.path}")):
        missing = work.missing
        check_room(work.store, len(missing) * work.data.train_count * work.image_bytes)
        size = evaluation_batch(work.batch, work.data.size, work.runtime.place())
        pieces = [Piece(work, view) for view in missing]
        total = sum(-(-(work.data.train_count - piece.done) // size) for piece in pieces)
        began = time.monotonic()
        if missing:
            say(f"asking the teacher about {counted(len(missing), 'view')} of {work.data.train_count:,} images first")
        with stopping.deferred(work.runtime.grace_seconds):
            for _ in watch(batches(pieces, size), "asking the teacher", total):
                pass
        if missing:
            say(f"stored the teacher's answers to {counted(len(missing), 'view')} in {time.monotonic() - began:.0f} s")


def batches(pieces: list[Piece], size: int) -> Iterator[None]:
    for piece in pieces:
        yield from piece.make(size)


class Piece:
    """One view in the making: rows are written in order, and how many are done is noted now and then."""

    def __init__(self, work: Work, view: int) -> None:
        self.work, self.view = work, view
        self.note = work.store.path / f".view-{view:03}-{'-'.join(work.parts)}.json"
        self.files: dict[str, Path] = {}
        self.arrays: dict[str, np.memmap] = {}
        self.hashes: dict[str, Any] = {}  # by array, of the rows that are done
        self.done, self.seconds = 0, 0.0
        self.go_on()

    def go_on(self) -> None:
        """From the rows that were noted, if they are what was written then."""
        try:
            noted = read_json(self.note)
            for name, digest in noted.get("rows_hashed", {}).items():
                rows = np.lib.format.open_memmap(self.part(name), mode="r+")
                self.hashes[name] = begun_hash(rows)
                self.hashes[name].update(rows[: noted["rows"]])
                if self.hashes[name].hexdigest() != digest:
                    raise ValueError("its content is not what was written")
                self.arrays[name], self.files[name] = rows, self.part(name)
            self.done, self.seconds = int(noted.get("rows", 0)), float(noted.get("seconds", 0.0))
        except (Mistake, OSError, ValueError, TypeError, KeyError, AttributeError):
            self.arrays, self.files, self.hashes = {}, {}, {}
        if not self.arrays:
            self.done, self.seconds = 0, 0.0

    def part(self, name: str) -> Path:
        return self.work.store.path / f".view-{self.view:03}-{name}.part"

    @torch.no_grad()
    def make(self, size: int) -> Iterator[None]:
        work = self.work
        began = saved = time.monotonic()
        before = self.seconds
        view = work.choice.view(self.view, work.data)
        for images in work.data.view_batches(size, view, self.done):
            with work.runtime.autocast():
                output = work.teacher(work.runtime.batch_layout(images))
            self.write(encode(output, work.parts, work.choice))
            now = time.monotonic()
            self.seconds = before + now - began
            if now - saved > SECONDS_BETWEEN_SAVES or stopping.asked.number is not None:
                self.save()
                saved = now
                stopping.check()
            yield
        for array in self.arrays.values():
            array.flush()
        work.store.keep(self.view, self.files, self.seconds)
        self.note.unlink(missing_ok=True)

    def write(self, encoded: dict[str, Tensor]) -> None:
        if not self.arrays:
            self.open(encoded)
        count = 0
        for name, tensor in encoded.items():
            rows = tensor.cpu().numpy()
            count = len(rows)
            self.arrays[name][self.done : self.done + count] = rows
            self.hashes[name].update(np.ascontiguousarray(rows))
        self.done += count

    def open(self, encoded: dict[str, Tensor]) -> None:
        for name, tensor in encoded.items():
            path, rows = self.part(name), tensor.cpu().numpy()
            shape = (self.work.data.train_count, *rows.shape[1:])
            self.arrays[name] = np.lib.format.open_memmap(path, mode="w+", dtype=rows.dtype, shape=shape)
            self.files[name], self.hashes[name] = path, begun_hash(self.arrays[name])

    def save(self) -> None:
        for array in self.arrays.values():
            array.flush()
        hashed = {name: digest.hexdigest() for name, digest in self.hashes.items()}
        write_json(self.note, {"rows": self.done, "seconds": self.seconds, "rows_hashed": hashed})


def begun_hash(array: np.ndarray) -> Any:
    """Of an array's kind; its rows follow as they are written."""
    return hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
