"""How images that were found are shown: from the device where they are small and few, else streamed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple, TypeAlias

from unix_exp.data.augment.choice import Augment
from unix_exp.data.decoded import Decoded
from unix_exp.data.listing import Listing
from unix_exp.data.source import Source
from unix_exp.data.streamed import IMAGENET_MEAN, IMAGENET_STD, Streamed
from unix_exp.ranges import Range
from unix_exp.types import Dataset, Mistake

SMALLEST, LARGEST = 8, 2048  # pixels
LARGEST_SIZE, LARGEST_SET = 96, 4 * 2**30  # pixels and bytes; beyond either, images are streamed from the disk
Size: TypeAlias = Annotated[int, Range(SMALLEST, LARGEST), "side in pixels; null: the first image's"]
Mean: TypeAlias = Annotated[
    list[Annotated[float, Range(0, 1)]],
    "what is taken from a pixel in [0, 1], by channel; null: the training images' mean, or ImageNet's if streamed",
]
Std: TypeAlias = Annotated[
    list[Annotated[float, Range(0.001, 10)]],
    "what it is then divided by; null: the training images' standard deviation, or ImageNet's if streamed",
]
Title: TypeAlias = Annotated[
    str, "the set's name in reports; null: its own. One named cifar100 is shown beside the paper's numbers"
]
Cache: TypeAlias = Annotated[str, "the folder where decoded pixels are kept, so that the next start is fast"]
Stream: TypeAlias = Annotated[
    bool, "read images from the disk while training; null: only where they are above 96 pixels or 4 GB together"
]


class Common(NamedTuple):
    """The settings that all data sets of one's own images have; said in their types."""

    size: int | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    cache: str = "data/cache"
    augment: Augment = True
    flip: bool = True
    stream: bool | None = None
    workers: int | None = None

    def check(self) -> None:
        if self.size is not None and self.size < SMALLEST:
            raise Mistake(f"dataset.size is {self.size}; choose {SMALLEST} or more")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if values is not None and len(values) != 3:
                raise Mistake(f"dataset.{name} has {len(values)} values; give 3: red, green, blue")
        if self.std is not None and min(self.std) <= 0:
            raise Mistake(f"dataset.std is {list(self.std)}; every value must be above 0")

    def streams(self, size: int, count: int) -> bool:
        if self.stream is not None:
            return self.stream
        return size > LARGEST_SIZE or count * size * size * 3 > LARGEST_SET

    def of(self, found: Listing) -> Dataset:
        """A data set of these images."""
        root, classes, train, held, test, notes = found
        size = self.size or size_of(train)
        made: Decoded | Streamed
        if self.streams(size, len(train.labels) + len(test.labels)):
            mean, std = self.mean or list(IMAGENET_MEAN), self.std or list(IMAGENET_STD)
            made = Streamed(
                root, classes, train, test, size, mean, std, self.augment, self.flip, self.workers, self.cache, held
            )
        else:
            made = Decoded(
                root, classes, train, test, size, self.mean, self.std, self.cache, self.augment, self.flip, held
            )
        made.notes = notes
        return made


def size_of(images: Source) -> int:
    """The size that a data set has where none is given: its first image's."""
    size = min(images.image(0).size)
    if not SMALLEST <= size <= LARGEST:
        raise Mistake(
            f"the first image, '{images.called(0)}', is {size} pixels wide or high; choose dataset.size, such as 224"
        )
    return size
