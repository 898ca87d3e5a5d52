from __future__ import annotations

from typing import Annotated

from torch.nn import functional as F

from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.distillers.in_two import in_two
from unix_exp.ranges import Range
from unix_exp.recipe import Recipe
from unix_exp.registry import distillers
from unix_exp.types import Batch, Losses, Stage

SMALL, WHOLE = "small images", "whole images"


@distillers.register("progressive")
class Progressive(Distiller):
    """Show the student smaller images in the first epochs; the teacher's answers are of the whole ones throughout."""

    def __init__(
        self,
        parts: Parts,
        share: Annotated[
            float, Range(0, 1, above=True, below=True), "the share of the epochs with smaller images, the first ones"
        ] = 0.5,
        scale: Annotated[float, Range(0, 1, above=True, below=True), "their side, as a part of the whole one"] = 0.75,
    ) -> None:
        super().__init__(parts)
        self.share = share
        self.scale = scale
        self.train()

    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        return in_two(recipe, self.share, SMALL, WHOLE)

    def forward(self, batch: Batch, stage: str = SMALL) -> Losses:
        batch = self.sampler(batch, self.look)
        teacher = self.ask(batch)
        shown = self.smaller(batch) if stage == SMALL else batch
        return Losses(self.criterion(self.study(shown), teacher, shown), batch.index)

    def smaller(self, batch: Batch) -> Batch:
        side = max(1, round(self.scale * batch.images.shape[-1]))
        smaller = F.interpolate(batch.images, (side, side), mode="bilinear", align_corners=False)  # its layout stays
        return batch._replace(images=smaller)
