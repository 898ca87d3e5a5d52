from __future__ import annotations

from typing import NamedTuple

import torch

from unix_exp.engine.evaluate import Evaluation


class Confused(NamedTuple):
    """Images of one class that are taken for those of another."""

    true: int
    guessed: int
    images: int
    of: int  # how many images the class `true` has


def most_confused(evaluation: Evaluation, classes: int, most: int) -> list[Confused]:
    """The pairs with the most images, the most frequent first; of equal ones, those of the first classes."""
    labels, guesses = evaluation.labels.cpu(), evaluation.guesses.cpu()
    images = labels.bincount(minlength=classes)
    wrong = labels != guesses
    # The pairs that occur, not a table of all: that has the square of the classes.
    pairs, counts = (labels[wrong] * classes + guesses[wrong]).unique(return_counts=True)
    first = counts.argsort(descending=True, stable=True)[:most]
    true = torch.div(pairs[first], classes, rounding_mode="floor")
    columns = (true, pairs[first] % classes, counts[first], images[true])
    return [Confused(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
