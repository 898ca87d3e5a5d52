from __future__ import annotations

from typing import ClassVar

from unix_exp.registry import samplers
from unix_exp.samplers.labels import loss_with_labels
from unix_exp.samplers.selection import Kept, highest
from unix_exp.samplers.uncertainty import ScoutMode
from unix_exp.types import Batch, Scout


@samplers.register("behind")
class Behind:
    """Keep the k images on which the student is furthest behind the teacher, by the loss of each with the labels.

    The score of ACID (Udandarao et al. 2024, arXiv 2411.18674). The teacher sees the whole batch, and what it says of
    the images that are kept is what the student learns from, so no image is shown to it twice. Stored answers are read.
    """

    networks: ClassVar[tuple[str, ...]] = ("teacher",)

    def __init__(self, k: Kept = None, scout_mode: ScoutMode = "train") -> None:
        self.k = k
        self.scout_mode = scout_mode

    def __call__(self, batch: Batch, scout: Scout) -> Batch:
        if batch.answers is None:
            batch = batch._replace(answers=scout(batch.images, who="teacher"))
        assert batch.answers is not None
        student = loss_with_labels(scout(batch.images, self.scout_mode), batch)
        return highest(batch, student - loss_with_labels(batch.answers, batch), self.k)
