from __future__ import annotations

from typing import ClassVar

from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.recipe import Recipe
from unix_exp.registry import distillers
from unix_exp.types import Mistake, Stage


@distillers.register("shortened")
class Shortened(Offline):
    """The same training in fewer epochs, its schedule compressed: plain distillation at a part of its compute."""

    in_names: ClassVar[bool] = True

    def __init__(self, parts: Parts, share: float = 0.5) -> None:
        super().__init__(parts)
        if not 0 < share <= 1:
            raise Mistake(f"distiller.share is {share}; choose a number above 0, up to 1: the part of recipe.epochs")
        self.share = share

    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        return (Stage("train", recipe.shortened(max(1, round(self.share * recipe.epochs)))),)
