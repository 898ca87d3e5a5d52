"""Validation images: a part of the training images that is not trained on, drawn from each class by a seed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple, TypeAlias

from unix_exp.ranges import Range, Seed
from unix_exp.types import Mistake
from unix_exp.words import counted as in_words

HeldOut: TypeAlias = Annotated[
    float, Range(0, 1, below=True), "the share of the training images that is held out to choose the best epoch by"
]
TestShare: TypeAlias = Annotated[
    float,
    Range(0, 1, above=True, below=True),
    "the share of each class to test on, where there are no test images; null: 0.2",
]
SplitSeed: TypeAlias = Annotated[Seed, "which images are held out"]
TEST = 0.2  # the share to test on, where a data set has no test images and no setting says another


class Apart(NamedTuple):
    """What the settings say of test and validation images: what is held out of the other images, and which."""

    test: float | None
    val: float
    seed: int

    def test_rows(self, labels: Sequence[int]) -> tuple[list[int], list[int]]:
        """The rows to test on, and the others."""
        rows = held_out(labels, TEST if self.test is None else self.test, self.seed)
        return rows, rest_of(len(labels), rows)

    def said(self, where: str, tested: int, count: int) -> str:
        """A note on what was held out."""
        share = f"{TEST if self.test is None else self.test:g}"
        return (
            f"'{where}' has no test images: {tested:,} of {in_words(count, 'image')}, a share of each class, "
            f"are held out to test on (dataset.test={share} dataset.split_seed={self.seed})"
        )

    def refuse_test(self, why: str) -> None:
        if self.test is not None:
            raise Mistake(f"dataset.test is {self.test:g}, but {why}; leave dataset.test away")

    def refuse_val(self, why: str) -> None:
        if self.val:
            raise Mistake(f"dataset.val is {self.val:g}, but {why}; leave dataset.val away")


def held_out(labels: Sequence[int], share: float, seed: int) -> list[int]:
    """The rows that are held out, in order. A class's choice depends on nothing but its own rows and the seed."""
    rows: dict[int, list[int]] = defaultdict(list)
    for row, label in enumerate(labels):
        rows[label].append(row)
    chosen = (random.Random(f"{seed} {label}").sample(some, of_class(len(some), share)) for label, some in rows.items())
    return sorted(row for some in chosen for row in some)


def of_class(count: int, share: float) -> int:
    """How many of a class's images are held out: one at least, and one at least is trained on."""
    return min(max(1, round(share * count)), count - 1) if share and count > 1 else 0


def counted(counts: Iterable[int], share: float) -> int:
    """How many images are held out of classes of these sizes."""
    return sum(of_class(count, share) for count in counts)


def rest_of(count: int, held: Iterable[int]) -> list[int]:
    """The other rows."""
    apart = set(held)
    return [row for row in range(count) if row not in apart]


def marked(fingerprint: str, share: float, seed: int) -> str:
    """The fingerprint of a data set with validation images: its training images are others."""
    return f"{fingerprint}-val{share:g}-{seed}" if share else fingerprint
