from __future__ import annotations

from typing import Annotated

from unix_exp.criteria.ce import CE
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.distillers.in_two import in_two
from unix_exp.ranges import Range
from unix_exp.recipe import Recipe
from unix_exp.registry import distillers
from unix_exp.types import Batch, Losses, Stage

TAUGHT, ALONE = "taught", "labels alone"


@distillers.register("early")
class Early(Distiller):
    """Distil for the first epochs, then train on the labels alone: the teacher's compute is spent where it is early.

    That distillation helps a small student early and may hurt it late is the finding behind it, and its authors stop
    it before the end (Cho and Hariharan 2019, arXiv 1910.01348).
    """

    def __init__(
        self,
        parts: Parts,
        share: Annotated[
            float, Range(0, 1, above=True, below=True), "the share of the epochs that is distilled, the first ones"
        ] = 0.1,
    ) -> None:
        super().__init__(parts)
        self.share = share
        self.labels = Weighted({"labels": CE()}, {"labels": 1.0})
        self.train()

    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        return in_two(recipe, self.share, TAUGHT, ALONE)

    def forward(self, batch: Batch, stage: str = TAUGHT) -> Losses:
        batch = self.sampler(batch, self.look)
        if stage == ALONE:
            return Losses(self.labels(self.study(batch), None, batch), batch.index)
        teacher = self.ask(batch)
        return Losses(self.criterion(self.study(batch), teacher, batch), batch.index)
