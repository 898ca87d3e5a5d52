"""Components from their settings, one function for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from unix_exp import config
from unix_exp.config import optimiser
from unix_exp.criteria.weighted import Weighted
from unix_exp.engine.optimiser import optimiser_of
from unix_exp.engine.randomness import set_seed
from unix_exp.engine.runtime import Runtime
from unix_exp.ranges import Weight, check_value, shown
from unix_exp.recipe import Recipe
from unix_exp.registry import check_settings, criteria, datasets, models, optimisers, samplers
from unix_exp.types import Dataset, Facts, Mistake
from unix_exp.words import nearest


def recipe(settings: Mapping[str, Any], role: str = "recipe") -> Recipe:
    """A recipe whose optimiser can be made; the settings of optimisers lie flat beside the recipe's own."""
    own = {key: value for key, value in settings.items() if key in optimiser.OF_ALL}
    options, known = config.without(settings, *own), optimiser.all_options()
    if unknown := sorted(set(options) - set(known)):
        raise Mistake(f"{role} has no setting '{unknown[0]}'; {nearest(unknown[0], {*optimiser.OF_ALL, *known})}")
    check_settings(Recipe, role, own, given=["options"], role=role)
    if (chosen := optimiser.of_recipe(settings)) not in optimisers.names():
        hint = nearest(chosen, optimisers.names())
        raise Mistake(f"{role}.optimiser is {shown(chosen)}; {hint} (plugins=FILE.py loads code of your own)")
    for key, value in options.items():
        check_value(f"{role}.{key}", value, (known | optimiser.options_of(chosen))[key].annotation)
    try:
        made = Recipe(**own, options=options)
        optimiser_of(made, [nn.Parameter(torch.zeros(1))])  # what only the optimiser knows to be wrong
        return made
    except Mistake as mistake:
        raise Mistake(f"{role}.{mistake}") from None


def runtime(settings: Mapping[str, Any]) -> Runtime:
    check_settings(Runtime, "runtime", settings, role="runtime")
    return Runtime(**settings)


def dataset(settings: Mapping[str, Any]) -> Dataset:
    made: Dataset = datasets.make(settings["name"], config.without(settings, "name"))
    return made


def network(settings: Mapping[str, Any], role: str, classes: int, seed: int) -> nn.Module:
    """A network with fresh weights that depend only on the seed, or with those of its publisher."""
    if settings.get("pace") not in ("full", "light"):
        raise Mistake(f"{role}.pace is {settings.get('pace')!r}; choose full or light")
    set_seed(seed)
    own = config.without(settings, "name", "pace", *config.OF_WEIGHTS)
    made: nn.Module = models.make(settings["name"], own, role=role, num_classes=classes)
    return made


def skeleton(settings: Mapping[str, Any], role: str, classes: int) -> nn.Module:
    """A network without values, for its shapes and its cost: nothing is drawn, fetched or held in memory."""
    bare = {key: False if key == "pretrained" else value for key, value in settings.items()}
    try:
        with torch.device("meta"):
            return network(bare, role, classes, 0)
    except (RuntimeError, NotImplementedError):  # a network that reads its weights while it is built
        return network(bare, role, classes, 0).to("meta")


def sampler(settings: Mapping[str, Any], facts: Facts) -> Any:
    return samplers.make(settings["name"], config.without(settings, "name"), facts=facts)


def criterion(settings: Mapping[str, Any], facts: Facts) -> Weighted:
    """{"kd": {"weight": 0.9, "tau": 4}, "ce": {"weight": 0.1}} -> their weighted sum."""
    terms, weights = {}, {}
    for name, term in settings.items():
        if not isinstance(term, Mapping):
            raise Mistake(f"criterion.{name} is {term!r}; give criterion.{name}.weight")
        role = f"criterion.{name}"
        terms[name] = criteria.make(name, config.without(term, "weight"), role=role, facts=facts)
        weight = term.get("weight", 1.0)
        check_value(f"{role}.weight", weight, Weight)
        weights[name] = float(weight)
    if not terms:
        raise Mistake("criterion is empty; choose one, such as criterion=kd")
    return Weighted(terms, weights)
