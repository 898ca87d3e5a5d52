"""Image sets too large to hold are decoded by workers while the device trains."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from unix_exp import stopping
from unix_exp.config import cores
from unix_exp.data.augment.augmentation import Cut
from unix_exp.data.augment.choice import Augment, chosen
from unix_exp.data.augment.one import Anywhere, Changing
from unix_exp.data.held_out import rest_of
from unix_exp.data.of_files import OfFiles
from unix_exp.data.preprocessing import Preprocessing
from unix_exp.data.resident import Normalise, check_batch
from unix_exp.data.source import Source
from unix_exp.ranges import Range
from unix_exp.types import Answers, Batch, Mistake, Others, View, Watch

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
Workers: TypeAlias = Annotated[
    int, Range(0, 512), "processes that read images while training; null: up to 4, one less than there are cores"
]


class Streamed(OfFiles):
    """Image files read anew each epoch: a random part of each, resized, to train on; the middle to test on."""

    def __init__(
        self,
        root: str,
        classes: tuple[str, ...],
        train: Source,
        test: Source,
        size: int,
        mean: Sequence[float],
        std: Sequence[float],
        augment: Augment,
        flip: bool,
        workers: int | None,
        cache: str = "data/cache",
        held: Sequence[int] = (),
    ) -> None:
        if workers is not None and workers < 0:
            raise Mistake(f"dataset.workers is {workers}; choose 0 or more")
        self.root, self.cache = root, Path(cache).expanduser()
        self.classes, self.train, self.test, self.size = classes, train, test, size
        self.held_rows, self.val_count = held, len(held)
        self.kept_rows = rest_of(len(train.labels), held) if held else None  # None: all
        self.train_count, self.test_count = len(train.labels) - len(held), len(test.labels)
        self.mean, self.std = mean, std
        self.augment, self.augmentation = augment, chosen(augment)
        self.cut = self.augmentation.cut or Cut.RESIZED
        self.flip = flip and self.cut is not Cut.WHOLE
        self.workers = usual_workers() if workers is None else workers
        self.others: Others | None = None  # the processes that each read a part of every batch

    def load(self, device: Any, watch: Watch | None = None) -> None:
        from torchvision.transforms import v2  # here: it takes a second, which other data sets save

        self.device = torch.device(device)
        self.normalise = Normalise(self.mean, self.std, self.size, self.device)
        self.one_hot = torch.eye(len(self.classes), device=self.device)
        preprocessing = self.preprocessing()
        self.centred = preprocessing.square
        resized = v2.RandomResizedCrop(self.size)
        cut = {Cut.WHOLE: self.centred, Cut.SHIFTED: Anywhere(preprocessing), Cut.RESIZED: resized}
        changing = Changing(self.augmentation, self.size)
        self.augmented = v2.Compose([cut[self.cut], *[v2.RandomHorizontalFlip()] * self.flip, changing])

    def preprocessing(self) -> Preprocessing:
        """The shorter side of a test image is resized to 256 for 224 pixels, and in that proportion for other sizes."""
        return Preprocessing(self.size, round(self.size * 256 / 224), "bilinear", tuple(self.mean), tuple(self.std))

    def train_batches(
        self, batch: int, seed: int, only: Tensor | None = None, view: View | None = None, first: int = 0
    ) -> Iterator[Batch]:
        check_batch(batch, self.train_count)
        count = self.train_count if only is None else len(only)
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
        if only is not None:
            order = only.cpu()[order]
        batches = order.split(batch)[: count // batch]
        view = view or View()
        reader = self.reader(
            self.train, self.kept_rows, self.augmented, seed if view.seed is None else view.seed, view.answers
        )
        moves = torch.Generator(self.device).manual_seed(seed + 1)
        if view.jitter:  # the batches before the first are not read, and their moves are drawn for those after
            for _ in range(first):
                drawn_moves(batch, view.jitter, self.flip, moves)
        for pixels, labels, index, *rows in self._shared(reader, batches[first:]):
            images = self.normalise(pixels)
            if view.jitter:
                images = jittered(images, view.jitter, self.flip, moves)
            answers = None if view.answers is None else view.answers.joined(rows)
            yield Batch(images, self.one_hot[labels], index, answers=answers)

    def view_batches(self, batch: int, view: View, first: int = 0) -> Iterator[Tensor]:
        assert view.seed is not None
        reader = self.reader(self.train, self.kept_rows, self.augmented, view.seed)
        for pixels, *_ in self._stream(reader, torch.arange(first, self.train_count).split(batch)):
            yield self.normalise(pixels)

    def test_batches(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._plain(self.test, None, batch)

    def val_batches(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._plain(self.train, self.held_rows, batch)

    def shown_plainly(self, rows: Sequence[int], batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        kept = self.kept_rows
        return self._plain(self.train, rows if kept is None else [kept[row] for row in rows], batch)

    def _plain(self, half: Source, rows: Sequence[int] | None, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        reader = self.reader(half, rows, self.centred, 0)
        for pixels, labels, _ in self._shared(reader, torch.arange(len(reader)).split(batch)):
            yield self.normalise(pixels), labels

    def reader(
        self, half: Source, rows: Sequence[int] | None, transform: Any, seed: int, answers: Answers | None = None
    ) -> Reader:
        """Of some rows of one half, or of all; it compares every file with what was hashed, where it was."""
        first = 0 if half is self.train else len(self.train.labels)
        hashes = None if self._contents is None else self._contents.hashes[first : first + len(half.labels)]
        if rows is not None:
            half, hashes = half.some(rows), None if hashes is None else hashes[list(rows)]
        return Reader(half, transform, seed, answers, hashes)

    def divide(self, others: Others | None) -> None:
        """From now on each process reads its rows of a batch and is given the others'; None: each reads all."""
        self.others = others

    def _shared(self, reader: Reader, batches: Sequence[Tensor]) -> Iterator[list[Tensor]]:
        """Whole batches, whoever reads them."""
        others = self.others
        if others is None or min(map(len, batches), default=0) < others.size:  # not an image for everybody
            yield from self._stream(reader, batches)
            return
        own = [batch[others.rows(len(batch))] for batch in batches]
        for whole, tensors in zip(batches, self._stream(reader, own), strict=True):
            yield [others.gathered(tensor, len(whole)) for tensor in tensors]

    def _stream(self, reader: Reader, batches: Sequence[Tensor]) -> Iterator[list[Tensor]]:
        loader: DataLoader[Any] = DataLoader(
            reader,  # type: ignore[arg-type]  # anything with a length and an index will do
            batch_sampler=[some.tolist() for some in batches],
            num_workers=self.workers,
            worker_init_fn=begin_worker,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # the loader draws a seed for its workers: not from the program's generator
        )
        try:
            for tensors in loader:
                yield [tensor.to(self.device, non_blocking=True) for tensor in tensors]
        except ConnectionError as error:  # a worker died while it handed an image over
            time.sleep(0.2)  # PyTorch says so itself as soon as the system has told it
            raise RuntimeError(f"DataLoader worker was killed: {error}") from None
        except Mistake as mistake:  # a worker's comes wrapped in its traceback; what the user needs is the last line
            mistake.__traceback__ = None  # it keeps the loader, and with it workers that this process would wait for
            raise Mistake(str(mistake).strip().splitlines()[-1].removeprefix("unix_exp.types.Mistake: ")) from None


def usual_workers() -> int:
    """Up to four, of the cores that the program may use all but one: that one trains."""
    return min(4, max(1, cores.usable() - 1))


def begin_worker(number: int) -> None:
    """A signal that goes to all processes of a run is for the one that trains, which still needs its workers."""
    stopping.leave_to_parent()


class Reader:
    """One image by its number, augmented as a function of seed and number only, whichever worker reads it."""

    def __init__(
        self,
        images: Source,
        transform: Any,
        seed: int,
        answers: Answers | None = None,
        hashes: np.ndarray | None = None,
    ) -> None:
        self.images, self.transform, self.seed, self.answers = images, transform, seed, answers
        self.hashes = hashes  # of the images, as they were when the run began

    def __len__(self) -> int:
        return len(self.images.labels)

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        image = self.images.image(number, None if self.hashes is None else self.hashes[number])
        digest = hashlib.sha256(f"{self.seed} {number}".encode()).digest()
        with torch.random.fork_rng(devices=[]):  # without workers this is the program's own generator
            torch.default_generator.manual_seed(int.from_bytes(digest[:4], "little"))
            image = self.transform(image)
        rows = () if self.answers is None else self.answers.row(number)
        return torch.from_numpy(np.array(image)), self.images.labels[number], number, *rows


def jittered(images: Tensor, pixels: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Each image shifted by up to so many pixels, its border repeated, and flipped or not."""
    count, _, height, width = images.shape
    down, right, mirrored = drawn_moves(count, pixels, flip, generator)

    def moved(side: int, steps: Tensor) -> Tensor:
        return (torch.arange(side, device=images.device) + steps).clamp(0, side - 1)

    rows, columns = moved(height, down), moved(width, right)
    if mirrored is not None:
        columns = torch.where(mirrored, columns.flip(1), columns)
    every = torch.arange(count, device=images.device)[:, None, None]
    # Gathered as [N, H, W, 3], which keeps the channels_last strides.
    return images.permute(0, 2, 3, 1)[every, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def drawn_moves(
    count: int, pixels: int, flip: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor | None]:
    """How far each image of a batch is moved down and right, and whether it is flipped: [N, 1] each."""

    def draw(choices: int) -> Tensor:
        return torch.randint(choices, (count, 1), generator=generator, device=generator.device)

    return draw(2 * pixels + 1) - pixels, draw(2 * pixels + 1) - pixels, draw(2).bool() if flip else None
