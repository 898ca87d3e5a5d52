"""From settings to components."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from unix_exp import config
from unix_exp.config import Settings
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.recipe import Recipe
from unix_exp.engine.runtime import Runtime
from unix_exp.registry import check_settings, criteria, datasets, distillers, models, samplers
from unix_exp.types import Dataset, Mistake


def recipe(settings: Mapping[str, Any], role: str = "recipe") -> Recipe:
    check_settings(Recipe, role, settings, role=role)
    try:
        return Recipe(**settings)
    except Mistake as mistake:
        raise Mistake(f"{role}.{mistake}") from None


def runtime(settings: Mapping[str, Any]) -> Runtime:
    check_settings(Runtime, "runtime", settings, role="runtime")
    return Runtime(**settings)


def dataset(settings: Mapping[str, Any]) -> Dataset:
    return datasets.make(settings["name"], config.without(settings, "name"))


def network(settings: Mapping[str, Any], role: str, classes: int, seed: int) -> nn.Module:
    """A network with fresh weights that depend on nothing but the seed."""
    if settings.get("pace") not in ("full", "light"):
        raise Mistake(f"{role}.pace is {settings.get('pace')!r}; choose full or light")
    torch.manual_seed(seed)
    made = config.without(settings, "name", "pace", "checkpoint", "seed")
    return models.make(settings["name"], made, role=role, num_classes=classes)


def sampler(settings: Mapping[str, Any]) -> Any:
    return samplers.make(settings["name"], config.without(settings, "name"))


def criterion(settings: Mapping[str, Any]) -> Weighted:
    """{"kd": {"weight": 0.9, "tau": 4}, "ce": {"weight": 0.1}} -> their weighted sum."""
    terms, weights = {}, {}
    for name, term in settings.items():
        if not isinstance(term, Mapping):
            raise Mistake(f"criterion.{name} is {term!r}; give criterion.{name}.weight")
        terms[name] = criteria.make(name, config.without(term, "weight"), role=f"criterion.{name}")
        weight = term.get("weight", 1.0)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 <= weight < math.inf:
            raise Mistake(f"criterion.{name}.weight is {weight!r}; it must be a number from 0 on")
        weights[name] = float(weight)
    if not terms:
        raise Mistake("criterion is empty; choose one, such as criterion=kd")
    return Weighted(terms, weights)


def distiller(settings: Settings, student: nn.Module, teacher: nn.Module | None) -> Distiller:
    chosen = settings["distiller"]
    given: dict[str, Any] = {"student": student}
    if getattr(distillers[chosen["name"]], "needs_teacher", True):
        if teacher is None:
            raise Mistake(f"distiller '{chosen['name']}' needs a teacher; choose one with teacher=NAME")
        given["teacher"] = teacher
    given |= {"sampler": sampler(settings["sampler"]), "criterion": criterion(settings["criterion"])}
    return distillers.make(chosen["name"], config.without(chosen, "name"), **given)
