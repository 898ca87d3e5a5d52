"""How each epoch shows the images, with the teacher's stored answers to them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unix_exp.run.answers.choice import Choice
from unix_exp.run.answers.making import Work
from unix_exp.run.answers.parts import decode
from unix_exp.types import Mistake, Output, View
from unix_exp.words import size_in_words

FREE_WHERE_UNKNOWN = 8e9  # bytes, on systems that do not say
SHARE = 0.25  # of the device's free memory that answers may take; beyond, each epoch reads its own view


class Live:
    """Fixed views, or new crops in every epoch; the teacher is asked in each step."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice

    def __call__(self, epoch: int) -> View | None:
        return self.choice.shown(epoch)


class Stored:
    """One view for each epoch, in turn; read when it is first shown, and kept on the device while all fit."""

    def __init__(self, work: Work) -> None:
        self.choice, self.store, self.parts = work.choice, work.store, work.parts
        self.device = work.runtime.place()
        self.count, self.used, self.classes = work.choice.count(work.data), work.views, len(work.data.classes)
        self.view_bytes = work.image_bytes * work.data.train_count
        self.beside = not hasattr(work.data, "crops")  # images are read by workers, which read the answers too
        self.keeps = self.used * self.view_bytes <= SHARE * free_memory(self.device)
        self.kept: dict[int, Gathered | Mapped] = {}

    def __call__(self, epoch: int) -> View | None:
        shown = self.choice.shown(epoch)
        assert shown is not None
        return shown._replace(answers=self.every_crop() if shown.seed is None else self.of(epoch % self.count))

    def of(self, view: int) -> Gathered | Mapped:
        if view not in self.kept:
            if not self.keeps:
                self.kept.clear()
            paths = self.store.verified(view, self.parts)
            self.kept[view] = Mapped(paths, self.classes) if self.beside else self.gathered(paths)
        return self.kept[view]

    def gathered(self, paths: dict[str, Path]) -> Gathered:
        return Gathered({name: on_device(mapped(path), self.device) for name, path in paths.items()}, self.classes)

    def every_crop(self) -> Gathered | Mapped:
        if not self.kept:
            needed = self.count * self.view_bytes
            if needed > 2 * SHARE * free_memory(self.device):
                raise Mistake(
                    f"answers to all {self.count} crops take {size_in_words(needed)}, more than half of what the "
                    "device has left; give answers.views=N or answers.top=N"
                )
            # Filled view by view: stacking would need the memory twice.
            arrays: dict[str, Tensor] = {}
            for view in range(self.count):
                for name, path in self.store.verified(view, self.parts).items():
                    array = mapped(path)
                    if name not in arrays:
                        shape = (self.count, *array.shape)
                        arrays[name] = torch.empty(shape, dtype=on_device(array[:1], self.device).dtype).to(self.device)
                    arrays[name][view] = on_device(array, self.device)
            self.kept[0] = Gathered(arrays, self.classes)
        return self.kept[0]


class Gathered:
    """Answers on the device: a batch is one gather."""

    def __init__(self, arrays: dict[str, Tensor], classes: int) -> None:
        self.arrays, self.classes = arrays, classes

    def of(self, index: Tensor, crop: Tensor | None = None) -> Output:
        where = index if crop is None else (crop, index)
        return decode({name: array[where] for name, array in self.arrays.items()}, self.classes)

    def row(self, number: int) -> Sequence[Tensor]:
        return [array[number] for array in self.arrays.values()]

    def joined(self, rows: Sequence[Tensor]) -> Output:
        return decode(dict(zip(self.arrays, rows, strict=True)), self.classes)


class Mapped:
    """Answers on the disk, mapped into memory by each worker that reads images: it reads the answers too."""

    def __init__(self, paths: dict[str, Path], classes: int) -> None:
        self.paths, self.classes = paths, classes
        self.opened: list[np.ndarray] = []  # by the process that reads

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "opened": []}  # a mapped array would be sent to a worker whole

    def arrays(self) -> list[np.ndarray]:
        if not self.opened:
            self.opened = [mapped(path) for path in self.paths.values()]
        return self.opened

    def of(self, index: Tensor, crop: Tensor | None = None) -> Output:
        rows = index.cpu().numpy()
        return self.joined([torch.from_numpy(array[rows]).to(index.device) for array in self.arrays()])

    def row(self, number: int) -> Sequence[Tensor]:
        return [torch.from_numpy(np.array(array[number])) for array in self.arrays()]

    def joined(self, rows: Sequence[Tensor]) -> Output:
        return decode(dict(zip(self.paths, rows, strict=True)), self.classes)


def mapped(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return array
    except (OSError, ValueError, EOFError) as error:
        raise Mistake(f"stored answers {path} cannot be read ({error})") from None


def on_device(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(np.array(array)).to(device)


def free_memory(device: torch.device) -> float:
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, AttributeError, OSError):
        return FREE_WHERE_UNKNOWN
