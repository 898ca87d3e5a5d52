"""The run that makes a run's teacher."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from unix_exp.config.names import learns_from_teacher
from unix_exp.config.settings import KEYS, OF_WEIGHTS, Settings, raw, without
from unix_exp.ranges import shown
from unix_exp.registry import Registry, criteria, distillers, samplers
from unix_exp.types import Mistake


def of_teacher(config: DictConfig) -> DictConfig:
    """The same data with the teacher as the student, its own method, recipe and seed; imports torch.

    A teacher that has a teacher itself learns from it as the student learns from this one.
    """
    made = OmegaConf.masked_copy(config, [key for key in KEYS if key in config])
    OmegaConf.set_struct(made, False)
    # Unresolved values travel, so that what follows the student (its learning rate) now follows the teacher.
    made.student = without(raw(config.teacher), *OF_WEIGHTS)
    # In the arithmetic of the tables, whatever the students': they share a teacher, and so they compare.
    made.runtime = raw(config.runtime) | {"precision": "float32", "teacher_precision": None, "scout_precision": None}
    made.answers = {}
    made.seed = config.teacher.get("seed", 0)
    made.method = "teacher"
    made.runs = config.teachers
    if (its_own := config.teacher.get("teacher")) is not None:
        made.teacher = {"checkpoint": "auto", "seed": made.seed, **raw(its_own)}
        return made
    made.teacher = {}
    made.networks = {}
    made.recipe = raw(config.teacher_recipe)
    made.distiller = chosen(config, "teacher_distiller", distillers)
    made.sampler = chosen(config, "teacher_sampler", samplers)
    made.criterion = {name: of_term(name, term) for name, term in group(config, "teacher_criterion").items()}
    if learns_from_teacher(made.distiller["name"]):
        raise Mistake(
            f"teacher_distiller '{made.distiller['name']}' needs a teacher itself; choose one that learns from labels "
            "alone with teacher_distiller.name=NAME, or give teacher.checkpoint=PATH"
        )
    return made


def group(config: DictConfig, key: str) -> Settings:
    node = config.get(key)
    if not isinstance(node, DictConfig):
        raise Mistake(f"{key} is {node!r}; a missing teacher is trained with it, so choose one")
    return raw(node)


def of_term(name: str, settings: Any) -> Settings:
    if not isinstance(settings, dict):
        raise Mistake(
            f"teacher_criterion.{name} is {shown(settings)}; give its settings, such as "
            f"teacher_criterion.{name}.weight=1"
        )
    return {"weight": 1.0, **apart_from_defaults(criteria[name], settings)}


def chosen(config: DictConfig, key: str, registry: Registry) -> Settings:
    settings = group(config, key)
    if "name" not in settings:
        raise Mistake(f"{key} has no name; give {key}.name=NAME")
    name = str(settings["name"])
    return {"name": name, **apart_from_defaults(registry[name], without(settings, "name"))}


def apart_from_defaults(constructor: Any, settings: Mapping[str, Any]) -> Settings:
    """What a YAML merely repeats of a constructor's defaults is no part of a teacher's identity."""
    parameters = inspect.signature(constructor).parameters
    return {key: value for key, value in settings.items() if key not in parameters or parameters[key].default != value}
