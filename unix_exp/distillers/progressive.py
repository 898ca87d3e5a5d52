from __future__ import annotations

from typing import ClassVar

import torch
from torch.nn import functional as F

from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.recipe import Recipe
from unix_exp.registry import distillers
from unix_exp.types import Batch, Losses, Mistake, Stage

SMALL, WHOLE = "small images", "whole images"


@distillers.register("progressive")
class Progressive(Distiller):
    """Show the student smaller images in the first epochs; the teacher's answers are of the whole ones throughout."""

    in_names: ClassVar[bool] = True

    def __init__(self, parts: Parts, share: float = 0.5, scale: float = 0.75) -> None:
        super().__init__(parts)
        for name, value in (("share", share), ("scale", scale)):
            if not 0 < value < 1:
                raise Mistake(f"distiller.{name} is {value}; choose a number between 0 and 1")
        self.share, self.scale = share, scale
        self.train()

    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        """Both follow the recipe's one schedule."""
        small = min(max(1, round(self.share * recipe.epochs)), recipe.epochs - 1)
        if not small:
            raise Mistake("recipe.epochs is 1; distiller 'progressive' needs 2 or more, one at each side of the images")
        parts = ((SMALL, small), (WHOLE, recipe.epochs - small))
        return tuple(Stage(name, recipe.shortened(epochs), follows=recipe) for name, epochs in parts)

    def forward(self, batch: Batch, stage: str = SMALL) -> Losses:
        batch = self.sampler(batch, self.look)
        teacher = self.ask(batch)
        shown = self.smaller(batch) if stage == SMALL else batch
        return Losses(self.criterion(self.study(shown), teacher, shown), batch.index)

    def smaller(self, batch: Batch) -> Batch:
        side = max(1, round(self.scale * batch.images.shape[-1]))
        images = F.interpolate(batch.images, (side, side), mode="bilinear", align_corners=False)
        return batch._replace(images=images.contiguous(memory_format=layout_of(batch.images)))


def layout_of(images: torch.Tensor) -> torch.memory_format:
    last = images.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format
