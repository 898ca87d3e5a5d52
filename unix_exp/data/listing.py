"""Which of the images that were found are trained on, which choose the epoch, and which are tested on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from unix_exp.data.held_out import Apart, held_out
from unix_exp.data.source import Source
from unix_exp.types import Mistake
from unix_exp.words import listed


class Listing(NamedTuple):
    """A data set whose images are found and not yet opened."""

    root: str  # the folder that they are in, or what they are called
    classes: tuple[str, ...]
    train: Source  # the images for training and, in the rows `held`, those for validation
    held: Sequence[int]
    test: Source
    notes: Sequence[str] = ()  # a line each, for who trains on it


def divided(
    root: str,
    called: str,
    classes: tuple[str, ...],
    train: Source,
    val: Source | None,
    test: Source | None,
    apart: Apart,
    notes: Sequence[str] = (),
) -> Listing:
    """Validation and test images as they are given; where none are, held out as the settings say."""
    if test is None:
        rows, rest = apart.test_rows(train.labels)
        if not rows:
            raise Mistake(f"'{called}' has one image of each class, so none can be held out to test on; add some")
        notes = [*notes, apart.said(called, len(rows), len(train.labels)), *of_one_image(classes, train.labels)]
        test, train = train.some(rows), train.some(rest)
    else:
        apart.refuse_test(f"'{called}' has test images of its own")
    if val is None:
        chosen = held_out(train.labels, apart.val, apart.seed)
        if not chosen:
            apart.refuse_val(f"no class of '{called}' has two images to train on")
        return Listing(root, classes, train, chosen, test, notes)
    apart.refuse_val(f"'{called}' has validation images of its own")
    held = range(len(train.labels), len(train.labels) + len(val.labels))
    return Listing(root, classes, train.and_more(val), held, test, notes)


def of_one_image(classes: Sequence[str], labels: Sequence[int]) -> list[str]:
    """A note on the classes of which nothing could be held out."""
    counts = Counter(labels)
    names = [name for label, name in enumerate(classes) if counts[label] == 1]
    are = "is one image, which is" if len(names) == 1 else "are one image each, which are"
    return [f"of {listed(names)} there {are} trained on and not tested"] if names else []
