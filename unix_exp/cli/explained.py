"""What a component's settings are: the type, the range and the meaning of each, from where its constructor declares it.

    settings_of("sampler", "unix")    settings_of("recipe")    settings_of("optimiser", "sgd")

--help and the documents show these; nothing is written twice. Ranges are types of the components' own files, which
import PyTorch, so asking for a component takes some seconds; recipes and what has no component are read without.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from unix_exp.config import optimiser
from unix_exp.config.declared import OfNetwork, OfRun, OfStudentsWeights, OfWeights
from unix_exp.config.unwritten import GROUPS
from unix_exp.ranges import Weight, describe, limits, meaning, parameters_of
from unix_exp.recipe import Recipe
from unix_exp.registry import REGISTRIES, Registry, criteria, distillers, models, optimisers

REQUIRED = "???"  # in the place of a default: the setting has to be given
STUDENT = "student"  # the network that is trained; the others are asked


class Setting(NamedTuple):
    name: str
    type: str  # in words: "a whole number or null"
    default: Any  # the constructor's; REQUIRED where it has none
    range: str  # in words: "0 to 1"; nothing where any value of the type will do
    meaning: str  # nothing where a component declares none, as one from outside may


def settings_of(group: str, name: str = "") -> list[Setting]:
    """Every setting of a component, by its group (or the kind of its registry) and name; of others by group alone.

    The group "" has the settings that are in none. Groups that only choose others' settings have none of their own.
    """
    if (registry := registry_of(group)) is not None:
        return list(of_component(registry, group, name))
    return list(of_group(group))


def registry_of(group: str) -> Registry | None:
    """Whose components a group chooses; None where it chooses none."""
    return next((one for one in REGISTRIES if group == one.kind or group in GROUPS.get(one, ())), None)


def of_component(registry: Registry, group: str, name: str) -> Iterator[Setting]:
    constructor = registry[name]
    if registry is criteria:
        yield setting("weight", Weight, 1.0)
    roles = getattr(constructor, "networks", ()) if registry is distillers else ()
    yield from declared_by(constructor, {*registry.supplied, *roles})
    if registry is models:
        yield from declared_by(OfNetwork)
        yield from declared_by(OfStudentsWeights if group == STUDENT else OfWeights)


def of_group(group: str) -> Iterator[Setting]:
    if group == "":
        yield from declared_by(OfRun)
    elif group == "recipe":
        yield from declared_by(Recipe, ["options"])
        for name in optimisers.names():
            for key, parameter in optimiser.options_of(name).items():
                one = setting(key, parameter.annotation, parameter.default)
                yield one._replace(meaning=f"of {name}: {one.meaning}")
    elif group == "runtime":
        from unix_exp.engine.runtime import Runtime  # here, as it imports torch, which takes seconds

        yield from declared_by(Runtime)
    elif group == "answers":
        from unix_exp.run.answers.choice import Choice

        yield from declared_by(Choice)


def declared_by(constructor: Callable[..., Any], supplied: Iterable[str] = ()) -> Iterator[Setting]:
    """The parameters of a constructor that are settings: all but those that the program supplies."""
    several = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    for name, parameter in parameters_of(constructor).items():
        if name not in supplied and parameter.kind not in several:
            yield setting(name, parameter.annotation, parameter.default)


def setting(name: str, annotation: Any, default: Any) -> Setting:
    wanted = Any if annotation is inspect.Parameter.empty else annotation
    known = REQUIRED if default is inspect.Parameter.empty else default
    return Setting(
        name, "anything" if wanted is Any else describe(wanted), known, limits(wanted), meaning(wanted) or ""
    )
