"""What networks guess of the test images: one pass over the images for all of them, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import NamedTuple

import torch
from torch import Tensor

from unix_exp.deploy.answering import Answer
from unix_exp.types import Dataset, Watch

Z95 = 1.959964  # of the normal distribution, two-sided


class Interval(NamedTuple):
    """A share in per cent, and where the true one lies with 95 % confidence."""

    share: float
    low: float
    high: float


class Confusion(NamedTuple):
    """How many images of one class were taken for another."""

    times: int
    images: int  # of the class
    shown: int  # the class
    guessed: int


class Judged(NamedTuple):
    """One network's first guess of every test image, beside what it shows."""

    guesses: Tensor  # [M] int64
    labels: Tensor  # [M] int64
    classes: int

    @property
    def top1(self) -> Interval:
        return wilson(int((self.guesses == self.labels).sum()), len(self.labels))

    def agreement(self, other: Judged) -> float:
        """Of how many images both guess the same, in per cent."""
        return 100 * float((self.guesses == other.guesses).double().mean())

    def matrix(self) -> Tensor:
        """[C, C] int64: images by class and guess."""
        counts = torch.bincount(self.labels * self.classes + self.guesses, minlength=self.classes**2)
        return counts.view(self.classes, self.classes)

    def by_class(self) -> list[tuple[int, int]]:
        """Of each class, how many images were recognised and how many there are."""
        matrix = self.matrix()
        return list(zip(matrix.diagonal().tolist(), matrix.sum(dim=1).tolist(), strict=True))

    def confusions(self) -> list[Confusion]:
        """Each pair of a class and what it was taken for, the most frequent first."""
        matrix = self.matrix()
        images = matrix.sum(dim=1).tolist()
        wrong = matrix.clone().fill_diagonal_(0)
        rows: list[list[int]] = wrong.nonzero().tolist()
        found = [Confusion(int(wrong[row, column]), images[row], row, column) for row, column in rows]
        return sorted(found, key=lambda one: (-one.times, one.images, one.shown, one.guessed))


def wilson(hits: int, count: int) -> Interval:
    """Wilson's score interval: it stays between 0 and 100 % and holds for few images too."""
    share, square = hits / count, Z95**2
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = Z95 / (1 + square / count) * sqrt(share * (1 - share) / count + square / (4 * count**2))
    return Interval(100 * share, 100 * max(0.0, centre - half), 100 * min(1.0, centre + half))


@torch.inference_mode()
def judged(
    answers: Mapping[str, Answer], data: Dataset, batch: int, watch: Watch, most: int | None = None
) -> dict[str, Judged]:
    """Every network's guesses, by its name; of `most` images, spread evenly over all, where there are more."""
    guesses: dict[str, list[Tensor]] = {name: [] for name in answers}
    labels: list[Tensor] = []
    wanted, first = spread(data.test_count, most), 0
    for images, theirs in watch(data.test_batches(batch), "test", -(-data.test_count // batch)):
        rows = wanted[(wanted >= first) & (wanted < first + len(theirs))] - first
        first += len(theirs)
        if len(rows) < len(theirs):
            images, theirs = images[rows.to(images.device)], theirs[rows.to(theirs.device)]
        if not len(theirs):
            continue
        labels.append(theirs.cpu())
        for name, answer in answers.items():
            guesses[name].append(answer(images).argmax(dim=1).cpu())
    shown = torch.cat(labels)
    return {name: Judged(torch.cat(some), shown, len(data.classes)) for name, some in guesses.items()}


def judged_in_parts(parts: Iterable[tuple[Tensor, Tensor]], classes: int) -> Judged:
    """Of logits and labels, batch by batch, of a network that is shown images in another way."""
    guesses, labels = zip(*((logits.argmax(dim=1).cpu(), shown) for logits, shown in parts), strict=True)
    return Judged(torch.cat(guesses), torch.cat(labels), classes)


def spread(count: int, most: int | None) -> Tensor:
    """The numbers of the images that are looked at: test sets are sorted by class, so the first ones would not do."""
    if most is None or most >= count:
        return torch.arange(count)
    return (torch.arange(most) * count) // most


def some_images(data: Dataset, count: int) -> Tensor:
    """So many test images, some of them again where there are fewer: what is in them does not matter."""
    found: list[Tensor] = []
    for images, _ in data.test_batches(count):
        found.append(images)
        if sum(map(len, found)) >= count:
            break
    images = torch.cat(found)
    return images[torch.arange(count, device=images.device) % len(images)]
