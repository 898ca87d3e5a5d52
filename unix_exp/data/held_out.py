"""Validation images: a part of the training images that is not trained on, drawn from each class by a seed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated, TypeAlias

from unix_exp.ranges import Range

HeldOut: TypeAlias = Annotated[float, Range(0, 1, below=True)]  # the share of each class that is held out


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
