"""The optimiser that a recipe chooses, made for some weights."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from unix_exp.config import optimiser as chosen
from unix_exp.recipe import Recipe
from unix_exp.registry import optimisers


def optimiser_of(recipe: Recipe, weights: Iterable[Tensor]) -> torch.optim.Optimizer:
    name = recipe.optimiser or chosen.usual()
    own = {key: value for key, value in recipe.options.items() if key in chosen.options_of(name)}
    given = list(weights) if recipe.decay_norms else in_groups(weights)
    made: torch.optim.Optimizer = optimisers.make(
        name, own, weights=given, lr=recipe.lr, weight_decay=recipe.weight_decay
    )
    return made


def in_groups(weights: Iterable[Tensor]) -> list[dict[str, Any]]:
    """Those that decay, and those of norms and biases, which do not."""
    weights = list(weights)
    matrices, others = [one for one in weights if one.dim() > 1], [one for one in weights if one.dim() <= 1]
    groups: list[dict[str, Any]] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
