"""The nouns every part of the framework speaks in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:  # --help and --cfg answer at once because nothing they import needs torch
    from torch import Tensor


class Mistake(ValueError):
    """Something the user can put right: said in one line, without a traceback, exit code 2."""


class Batch(NamedTuple):
    """Images a model may see, and what is known of them."""

    images: Tensor  # [N, 3, H, W] float, normalised
    targets: Tensor  # [N, C] float, a distribution over the classes
    index: Tensor  # type: ignore[assignment]  # [N] int64, the place of each image in the training set


class Output(NamedTuple):
    """What a network says of a batch."""

    logits: Tensor  # [N, C]
    features: tuple[Tensor, ...]  # stem, then every stage [N, D, H, W], shallow to deep; the embedding last
    embedding: Tensor  # [N, D], what the classifier reads

    @property
    def stages(self) -> tuple[Tensor, ...]:
        """The feature maps between the stem and the embedding."""
        return self.features[1:-1]


Model: TypeAlias = "Callable[[Tensor], Output]"  # an nn.Module; images [N, 3, H, W] -> Output
Terms: TypeAlias = "dict[str, Tensor]"  # weighted loss terms by name; the loss is their sum


class Scout(Protocol):
    """The student's look at a batch without gradient: images -> logits [N, C]."""

    def __call__(self, images: Tensor, mode: str) -> Tensor: ...


class Sampler(Protocol):
    """Choose what a batch is learned from: may return fewer images, or mixed ones."""

    def __call__(self, batch: Batch, scout: Scout) -> Batch: ...


class Criterion(Protocol):
    """How far the student is from where it should be, as a scalar."""

    def __call__(self, student: Output, teacher: Any, batch: Batch) -> Tensor: ...  # teacher: an Output, or None


class Dataset(Protocol):
    """A training set that augments itself and a test set in a fixed order.

    One made by the registry is light: it has only looked whether its files are there. `load` does the work.
    """

    classes: tuple[str, ...]  # names, in the order of the targets
    size: int  # side of a training image in pixels
    train_count: int
    test_count: int

    def fingerprint(self) -> str:
        """What identifies the images, wherever they lie."""
        ...

    def load(self, device: Any, watch: Watch | None = None) -> None:
        """Bring the images to where they are used; call once, before the first epoch."""
        ...

    def train_batches(self, batch: int, seed: int) -> Iterator[Batch]:
        """One epoch on the device, its order and augmentation drawn from the seed; an incomplete tail is left out."""
        ...

    def test_batches(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every test image once: normalised images [N, 3, H, W] and labels [N] on the device."""
        ...


class Record(NamedTuple):
    """What happened in one epoch."""

    epoch: int  # counted from 1
    values: dict[str, float]  # by the names that every log uses, such as "test/top1"
    arrays: dict[str, list[Any]] | None = None  # a value for each class; None where the run isn't analysed


Watch: TypeAlias = Callable[[Iterable[Any], str, int], Iterable[Any]]  # shows progress through (things, label, total)
