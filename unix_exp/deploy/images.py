"""The images of a run's own data that its exports are calibrated with and checked on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from unix_exp.data.of_files import OfFiles
from unix_exp.deploy.with_data import images_of
from unix_exp.models.own_input import Normalised
from unix_exp.run.description import Description
from unix_exp.types import Dataset, Watch

BATCH = 50


class Images:
    """A run's data on the CPU, normalised as its student wants them."""

    def __init__(self, data: Dataset, wanted: Description) -> None:
        self.data = data
        own = data.preprocessing() if hasattr(data, "preprocessing") else None
        self.given = None if own is None else Normalised(own.mean, own.std)
        self.wanted = wanted.normalised

    @classmethod
    def of_run(cls, result: dict[str, Any], run: Any, wanted: Description, watch: Watch, moved: Path | None) -> Images:
        return cls(images_of(run, result, "cpu", watch, moved), wanted)

    def seen(self, images: Tensor) -> Tensor:
        """The data's images as the student's weights want them."""
        if self.given is None or self.wanted is None or self.wanted.near(self.given):
            return images
        mean, std, own_mean, own_std = (torch.tensor(values).view(-1, 1, 1) for values in (*self.given, *self.wanted))
        return (images * std + mean - own_mean) / own_std

    def rows(self, most: int | None) -> list[int]:
        """Which of the test images: all, or so many of them spread evenly, as classes may follow one another."""
        count = self.data.test_count
        wanted = min(most or count, count)
        return [row * count // wanted for row in range(wanted)]

    def test(self, most: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        chosen = torch.zeros(self.data.test_count, dtype=torch.bool)
        chosen[self.rows(most)] = True
        first = 0
        for images, labels in self.data.test_batches(BATCH):
            some = chosen[first : first + len(labels)]
            first += len(labels)
            if some.any():
                yield self.seen(images[some]), labels[some]

    def test_originals(self, most: int | None = None) -> Iterator[tuple[list[Image.Image], Tensor]] | None:
        """The same as they were before they were scaled; None where the data does not have them."""
        data = self.data
        if not isinstance(data, OfFiles):
            return None
        rows, labels = self.rows(most), data.test.labels
        some = (rows[first : first + BATCH] for first in range(0, len(rows), BATCH))
        return (([data.test.image(row) for row in few], torch.tensor([labels[row] for row in few])) for few in some)

    def training(self, count: int) -> Iterator[Tensor]:
        """So many of the training images, drawn by a fixed seed, shown as test images are where the data can do so."""
        data: Any = self.data
        drawn = torch.randperm(data.train_count, generator=torch.Generator().manual_seed(0))[:count]
        if hasattr(data, "shown_plainly"):
            batches = (images for images, _ in data.shown_plainly(drawn.sort().values.tolist(), BATCH))
        else:
            batches = (batch.images for batch in data.train_batches(min(BATCH, data.train_count), 0))
        left = count
        for images in batches:
            if left > 0:
                yield self.seen(images[:left]).contiguous()
            left -= len(images)
