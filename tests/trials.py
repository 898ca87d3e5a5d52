"""A run's trial takes longer than a tiny run's epochs: runs of the same method on the same data share one."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from typing import Any

from torch import nn

from unix_exp.engine.randomness import set_seed
from unix_exp.engine.world import World
from unix_exp.recipe import Recipe
from unix_exp.registry import REGISTRIES
from unix_exp.run import plan
from unix_exp.run.answers.choice import Choice
from unix_exp.run.trial import Trial, tried

# What says how a run is trained, named and kept, and not what its method is. The recipe is in the key by itself.
LEFT_OUT = {"seed", "method", "plugins", "runs", "teachers", "runtime", "logger", "recipe"}
KNOWN: dict[Hashable, Trial] = {}


def shared() -> None:
    """From here on, in this process."""
    plan.tried = once


def once(
    settings: Mapping[str, Any], networks: Mapping[str, nn.Module], data: Any, recipe: Recipe, answers: Choice
) -> Trial:
    """What was found before, or is found now; what is refused is tried each time."""
    key = key_of(settings, networks, data, recipe, answers)
    if key not in KNOWN:
        KNOWN[key] = tried(settings, networks, data, recipe, answers)
    set_seed(settings["seed"])  # a trial sets it; what follows is not to depend on the order of tests
    return KNOWN[key]


def key_of(settings: Mapping[str, Any], networks: Mapping[str, nn.Module], data: Any, *others: Any) -> Hashable:
    """All that a trial reads: what is registered by a name, too, as tests register components of their own."""
    method = {key: value for key, value in settings.items() if key not in LEFT_OUT and not key.startswith("teacher_")}
    images = (type(data), data.size, data.train_count, tuple(data.classes))
    weights = tuple(
        (role, type(network), *((name, one.shape) for name, one in network.state_dict().items()))
        for role, network in networks.items()
    )
    registered = tuple(constructor for one in REGISTRIES for constructor in one.constructors.values())
    return json.dumps(method, default=repr), images, weights, registered, repr(others), World.here()
