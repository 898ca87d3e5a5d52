"""The nouns every part of the framework speaks in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:  # --help and --cfg answer at once because nothing they import needs torch
    from torch import Tensor

    from unix_exp.recipe import Recipe


class Mistake(ValueError):
    """Something the user can put right: printed in one line, without a traceback, exit code 2."""


class Relayed(Mistake):
    """The mistake of another process of the same run, which prints it."""


class Batch(NamedTuple):
    """Images a model may see, and what is known of them."""

    images: Tensor  # [N, 3, H, W] float, normalised
    targets: Tensor  # [N, C] float, a distribution over the classes
    index: Tensor  # type: ignore[assignment]  # [N] int64, the position of each image in the training set
    weight: Tensor | None = None  # [N], how much each image counts in the loss; None: all alike
    answers: Output | None = None  # what the teacher said of these images earlier; None: it is asked when it is needed


class Output(NamedTuple):
    """What a network says of a batch."""

    logits: Tensor  # [N, C]
    features: tuple[Tensor, ...]  # stem, then every stage [N, D, H, W], shallow to deep; the embedding last
    embedding: Tensor  # [N, D], what the classifier reads

    @property
    def stages(self) -> tuple[Tensor, ...]:
        """The feature maps between the stem and the embedding."""
        return self.features[1:-1]


class Losses(NamedTuple):
    """What a method makes of a batch. Only `terms` are trained on; a diagnostic cannot enter the loss."""

    terms: Mapping[str, Tensor]  # weighted scalars by name; the loss is their sum
    index: Tensor  # type: ignore[assignment]  # [K] int64, the training images that were trained on
    values: Mapping[str, Tensor] = {}  # scalars to log and draw
    per_image: Mapping[str, Tensor] = {}  # [K] each: values of the images in `index`, the latest kept


class View(NamedTuple):
    """How an epoch shows the training images: by a seed, by one crop for all, or, both None, by the epoch's seed."""

    seed: int | None = None  # crops and flips are a function of this and the image alone
    crop: int | None = None  # every image is cropped and flipped alike: one of the data's `crops`, by its number
    jitter: int = 0  # the student's own shifts, in pixels, and flips, beside those that the answers belong to
    answers: Answers | None = None


class Answers(Protocol):
    """What the teacher said of every training image in a view, or in every crop."""

    def of(self, index: Tensor, crop: Tensor | None = None) -> Output:
        """Gathered on the device; `crop` is each image's, by its number, where a view has none for all."""
        ...

    def row(self, number: int) -> Sequence[Tensor]:
        """One image's, as it is stored: for workers that read images beside the training."""
        ...

    def joined(self, rows: Sequence[Tensor]) -> Output:
        """A batch of rows."""
        ...


class Others(Protocol):
    """The processes that train together, each of which has some rows of a batch."""

    @property
    def size(self) -> int: ...

    def rows(self, count: int) -> slice:
        """Which of so many rows are this process's."""
        ...

    def gathered(self, mine: Tensor, count: int) -> Tensor:
        """Everybody's rows, in order."""
        ...


class HasEpoch(Protocol):
    """The epoch as a tensor that the training writes into, counted from 0."""

    epoch: Tensor


class Facts(NamedTuple):
    """What a component may know when it is constructed: it is given to every constructor that names `facts`."""

    classes: int
    train_count: int
    batch: int
    epochs: int  # the recipe's
    size: int  # side of a training image in pixels
    shapes: Mapping[str, Output]  # by role, what each network says of a batch: tensors without values, for their shapes
    clock: HasEpoch


class Stage(NamedTuple):
    """A part of a training: its own epochs, learning rate and schedule, and an objective that its name chooses."""

    name: str
    recipe: Recipe
    follows: Recipe | None = None  # whose schedule this is a part of, by the run's own epochs; None: its own recipe's

    def lr_at(self, epoch: int, first: int) -> float:
        """The learning rate of one of the run's epochs, counted from 0; the stage's first is `first`."""
        return self.recipe.lr_at(epoch - first) if self.follows is None else self.follows.lr_at(epoch)


Classify: TypeAlias = "Callable[[Tensor], Tensor]"  # an embedding [N, D] -> its logits [N, C]
Model: TypeAlias = "Callable[[Tensor], Output]"  # an nn.Module; images [N, 3, H, W] -> Output
Terms: TypeAlias = "dict[str, Tensor]"  # weighted loss terms by name; the loss is their sum


class Scout(Protocol):
    """A look without gradient, counted, at the student or at any network that the sampler declares."""

    def __call__(self, images: Tensor, mode: str = "train", who: str = "student") -> Output: ...


class Sampler(Protocol):
    """Choose what a batch is trained on: may return fewer images, mixed ones or weighted ones.

    `__call__` alone is required. A sampler may also have

        networks: ClassVar[tuple[str, ...]]          networks beside the student that it looks at, such as ("holdout",)
        begin(epoch: int) -> Tensor | None           between epochs, where waiting is allowed: the indices to train on
        planned(epoch: int) -> int                   how many these will be, where that is known before the run
        learned(batch: Batch, student: Output)       after the training pass: the batch as the student saw it
        answered(batch: Batch, teacher: Output)      what the teacher says of a batch, live or stored, when it is asked

    and is an nn.Module with buffers where it has a memory, which is what puts it into the checkpoint.
    """

    def __call__(self, batch: Batch, scout: Scout) -> Batch: ...


class Criterion(Protocol):
    """How far the student is from where it should be: [N] where a loss is per image, else a scalar.

    `__call__` alone is required. A criterion may also have

        teacher_classifier: Classify | None     set by a method that has a frozen teacher: its classifier
        projector(entering: int, leaving: int)  it makes the student larger: see run/extending.py
    """

    def __call__(self, student: Output, teacher: Any, batch: Batch) -> Tensor: ...  # teacher: an Output, or None


class Dataset(Protocol):
    """A training set that augments itself and a test set in a fixed order.

    One made by the registry is light: it has only looked whether its files are there. `load` does the work. A data set
    of files that may change may also have

        examine(watch) -> list[str]           before a run has a folder: look into every file; notes to print
        content_hash() -> str                 of what is in the files, beyond what the fingerprint says
        changed_since(hash) -> list[str]      the names of the images that are not what they were then

    One that holds out validation images, by which the best epoch is chosen, has

        val_count: int                        how many; 0 or missing: none, and nothing is chosen
        val_batches(batch)                    as test_batches

    and one whose images come from files has, once it is loaded,

        preprocessing() -> Preprocessing      how a file becomes what a network sees (data/preprocessing.py)
        shown_plainly(rows, batch)            as test_batches, of some training images: without augmentation
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

    def train_batches(
        self, batch: int, seed: int, only: Tensor | None = None, view: View | None = None, first: int = 0
    ) -> Iterator[Batch]:
        """One epoch on the device, its order and augmentation drawn from the seed; an incomplete tail is left out.

        `first` is the number of the first batch, counted from 0, where a run is continued within an epoch; a data
        set without this parameter makes the earlier batches again.

        `only` are the indices of the images to train on; it is given only where a sampler chose some. `view` is given
        only where answers are stored or views are fixed; a data set that is never used so needs no such parameter.
        """
        ...

    def view_batches(self, batch: int, view: View, first: int = 0) -> Iterator[Tensor]:
        """Every training image from `first` on once, in the order of the index, as the view shows it; tail included.

        Only what stores answers calls it.
        """
        ...

    def test_batches(self, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Every test image once: normalised images [N, 3, H, W] and labels [N] on the device."""
        ...


class Probe(Protocol):
    """Looks at a finished run: robustness, agreement, calibration."""

    def __call__(self, networks: Mapping[str, Model], data: Dataset) -> Mapping[str, Any]: ...


class Record(NamedTuple):
    """What happened in one epoch."""

    epoch: int  # counted from 1
    values: dict[str, float]  # by the names that every log uses, such as "test/top1"
    arrays: dict[str, list[Any]] | None = None  # a value for each class; None where the run isn't analysed


Watch: TypeAlias = Callable[[Iterable[Any], str, int], Iterable[Any]]  # shows progress through (things, label, total)
