"""A training in two parts that follow one schedule."""

from __future__ import annotations

from unix_exp.recipe import Recipe
from unix_exp.types import Mistake, Stage


def in_two(recipe: Recipe, share: float, first: str, second: str) -> tuple[Stage, Stage]:
    """The first part has a share of the epochs; each has at least one."""
    if recipe.epochs < 2:
        raise Mistake(f"recipe.epochs is 1; this method needs 2 or more: one of '{first}' and one of '{second}'")
    epochs = min(max(1, round(share * recipe.epochs)), recipe.epochs - 1)
    return (
        Stage(first, recipe.shortened(epochs), follows=recipe),
        Stage(second, recipe.shortened(recipe.epochs - epochs), follows=recipe),
    )
