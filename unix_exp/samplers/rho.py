from __future__ import annotations

from typing import Annotated, ClassVar

from torch import Tensor, nn

from unix_exp.ranges import Range, Seed
from unix_exp.registry import samplers
from unix_exp.samplers.labels import loss_with_labels
from unix_exp.samplers.selection import Kept, highest, part_of
from unix_exp.samplers.subset import order
from unix_exp.samplers.uncertainty import ScoutMode
from unix_exp.types import Batch, Facts, Scout


@samplers.register("rho")
class Rho(nn.Module):
    """Keep the k images on which the student's loss is highest above that of a holdout network.

    RHO-loss (Mindermann et al. 2022, arXiv 2206.07137): what the holdout network cannot reduce either is not worth
    learning. Both losses are with the labels. The holdout network has to be trained on images that the student does not
    train on: `held_out` is the share of the training images that is left to it, the ones that `subset` takes with this
    share and seed. At 0 the student trains on all images.
    """

    networks: ClassVar[tuple[str, ...]] = ("holdout",)

    own: Tensor  # the indices of the images that are not held out

    def __init__(
        self,
        facts: Facts,
        k: Kept = None,
        held_out: Annotated[
            float, Range(0, 1, below=True), "the share of the training images that is left to the holdout network"
        ] = 0.0,
        seed: Annotated[Seed, "which images these are"] = 0,
        scout_mode: ScoutMode = "train",
    ) -> None:
        super().__init__()
        self.k = k
        self.scout_mode = scout_mode
        left = min(part_of(facts, held_out), facts.train_count - facts.batch) if held_out else 0  # a batch remains
        own = order(facts.train_count, seed)[left:]
        self.register_buffer("own", own, persistent=False)  # follows from the settings
        self.all = left == 0

    def planned(self, epoch: int) -> int:
        return len(self.own)

    def begin(self, epoch: int) -> Tensor | None:
        return None if self.all else self.own

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        student, holdout = scout(batch.images, self.scout_mode), scout(batch.images, who="holdout")
        return highest(batch, reducible(loss_with_labels(student, batch), loss_with_labels(holdout, batch)), self.k)


def reducible(student: Tensor, irreducible: Tensor) -> Tensor:
    """[N], by how much the loss of each image can still fall."""
    return student - irreducible
