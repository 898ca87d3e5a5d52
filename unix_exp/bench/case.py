"""What is timed, from the words of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import nn

from unix_exp import config
from unix_exp.config import Settings, compose
from unix_exp.cost import StepCost, price
from unix_exp.data.resident import Resident
from unix_exp.engine.recipe import Recipe
from unix_exp.engine.runtime import Runtime
from unix_exp.run import assemble as build
from unix_exp.run.perform import check_batch
from unix_exp.types import Mistake

SHAPES = ("dataset=shapes", "dataset.train_count=6400", "dataset.test_count=24")  # a hundred batches of 64
CONVENTIONAL = ("logger=none", "experiment=kd")
OF_METHOD = ("distiller", "sampler")


class Case(NamedTuple):
    """A pair, a method, a batch and a machine."""

    settings: Settings
    conventional: Settings  # the same with conventional distillation, where both networks see the whole batch
    recipe: Recipe
    runtime: Runtime
    data: Resident
    cost: StepCost

    @property
    def is_conventional(self) -> bool:
        return all(self.settings[key]["name"] == self.conventional[key]["name"] for key in OF_METHOD)

    def networks(self) -> tuple[nn.Module, nn.Module]:
        return networks(self.settings, len(self.data.classes))

    def what(self) -> dict[str, Any]:
        """All that a step's time depends on, apart from the machine and the code."""
        settings = self.settings
        about_machine = ("device", "threads", "checkpoint_every")
        return {
            "pair": config.pair_name(settings),
            "sampler": settings["sampler"],
            "criterion": settings["criterion"],
            "batch": self.recipe.batch,
            "pixels": self.data.size,
            "classes": len(self.data.classes),
            "runtime": config.without(settings["runtime"], *about_machine),
        }


def read(words: Sequence[str]) -> Case:
    """The case, with everything checked and nothing loaded."""
    own_data = any(word.startswith("dataset=") for word in words)
    with compose.hydra_ready():
        settings = config.resolve(compose.composed(("logger=none", *(() if own_data else SHAPES), *words)))
        control = config.resolve(compose.composed(CONVENTIONAL))
    recipe, runtime = build.recipe(settings["recipe"]), build.runtime(settings["runtime"])
    if not config.has_teacher(settings):
        raise Mistake("the bench times distillation, which needs a teacher; choose one with teacher=NAME")
    data = build.dataset(settings["dataset"])
    check_batch(recipe, data, "recipe")
    if not isinstance(data, Resident):
        raise Mistake(f"dataset '{settings['dataset']['name']}' is read from disk; the bench needs one kept in memory")
    runtime.settle()
    distiller = build.distiller(settings, *networks(settings, len(data.classes)))
    cost = price(distiller, recipe.batch, len(data.classes), data.size)
    conventional = {**settings, **{key: control[key] for key in OF_METHOD}}
    return Case(settings, conventional, recipe, runtime, data, cost)


def networks(settings: Settings, classes: int) -> tuple[nn.Module, nn.Module]:
    """Student and teacher, with the same random weights each time."""
    student = build.network(settings["student"], "student", classes, seed=0)
    return student, build.network(settings["teacher"], "teacher", classes, seed=1)
