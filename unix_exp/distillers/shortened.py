from __future__ import annotations

from typing import Annotated, ClassVar

from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.ranges import Range
from unix_exp.recipe import Recipe
from unix_exp.registry import distillers
from unix_exp.types import Stage


@distillers.register("shortened")
class Shortened(Offline):
    """The same training in fewer epochs, its schedule compressed: plain distillation at a part of its compute."""

    in_names: ClassVar[bool] = True

    def __init__(
        self, parts: Parts, share: Annotated[float, Range(0, 1, above=True), "the share of recipe.epochs"] = 0.5
    ) -> None:
        super().__init__(parts)
        self.share = share

    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        return (Stage("train", recipe.shortened(max(1, round(self.share * recipe.epochs)))),)
