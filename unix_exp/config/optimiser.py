"""The settings of optimisers lie flat in a recipe: whose each is, and which of them a recipe uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from inspect import Parameter
from typing import Any

from unix_exp.ranges import parameters_of
from unix_exp.recipe import Recipe
from unix_exp.registry import optimisers

OF_ALL = {one.name for one in fields(Recipe)} - {"options"}  # settings of every recipe, whatever its optimiser
SEVERAL = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def usual() -> str:
    """The optimiser of a recipe that names none."""
    return next(name for name in optimisers.names() if getattr(optimisers[name], "usual", False))


def of_recipe(recipe: Mapping[str, Any]) -> str:
    chosen: str = recipe.get("optimiser") or usual()
    return chosen


def options_of(name: str) -> dict[str, Parameter]:
    """An optimiser's own settings, from its constructor."""
    taken = OF_ALL | optimisers.supplied
    found = parameters_of(optimisers[name]).items()
    return {key: one for key, one in found if key not in taken and one.kind not in SEVERAL}


def all_options() -> dict[str, Parameter]:
    """The settings of all optimisers."""
    return {key: one for name in optimisers.names() for key, one in options_of(name).items()}


def idle(recipe: Mapping[str, Any]) -> set[str]:
    """The settings of a recipe that are another optimiser's, and so change nothing."""
    chosen = of_recipe(recipe)
    if chosen not in optimisers.names():  # a plug-in's that is not loaded, in a record
        return set()
    return (set(all_options()) - set(options_of(chosen))) & set(recipe)


def in_use(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe without the settings of other optimisers."""
    others = idle(recipe)
    return {key: value for key, value in recipe.items() if key not in others}
