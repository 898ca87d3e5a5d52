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
from unix_exp.types import Dataset, Mistake

SHAPES = ("dataset=shapes", "dataset.train_count=6400", "dataset.test_count=24")  # a hundred batches of 64


class Case(NamedTuple):
    """A pair, a method, a batch and a machine."""

    settings: Settings
    recipe: Recipe
    runtime: Runtime
    data: Dataset  # a Resident
    cost: StepCost

    @property
    def kd(self) -> Settings:
        """The same with conventional distillation, where both networks see the whole batch."""
        return {**self.settings, "sampler": {"name": "everything"}}

    @property
    def is_kd(self) -> bool:
        return self.settings["sampler"]["name"] == "everything"

    def networks(self) -> tuple[nn.Module, nn.Module]:
        return networks(self.settings, len(self.data.classes))

    def what(self) -> dict[str, Any]:
        """All that a step's time depends on beside the machine and the code."""
        settings = self.settings
        about_place = ("device", "threads", "checkpoint_every")
        return {
            "pair": config.pair_name(settings),
            "sampler": settings["sampler"],
            "criterion": settings["criterion"],
            "batch": self.recipe.batch,
            "pixels": self.data.size,
            "classes": len(self.data.classes),
            "runtime": config.without(settings["runtime"], *about_place),
        }


def read(words: Sequence[str]) -> Case:
    """Everything checked, nothing loaded."""
    compose.prepare(words)
    own_data = any(word.startswith("dataset=") for word in words)
    with compose.hydra_ready():
        settings = config.resolve(compose.composed(("logger=none", *(() if own_data else SHAPES), *words)))
    recipe, runtime = build.recipe(settings["recipe"]), build.runtime(settings["runtime"])
    if not config.has_teacher(settings):
        raise Mistake("the bench times distillation, which needs a teacher; choose one with teacher=NAME")
    data = build.dataset(settings["dataset"])
    check_batch(recipe, data, "recipe")
    if not isinstance(data, Resident):
        raise Mistake(f"dataset '{settings['dataset']['name']}' is read from the disk; the bench needs one in memory")
    runtime.settle()
    distiller = build.distiller(settings, *networks(settings, len(data.classes)))
    return Case(settings, recipe, runtime, data, price(distiller, recipe.batch, len(data.classes), data.size))


def networks(settings: Settings, classes: int) -> tuple[nn.Module, nn.Module]:
    """Student and teacher with the same random weights each time."""
    student = build.network(settings["student"], "student", classes, seed=0)
    return student, build.network(settings["teacher"], "teacher", classes, seed=1)
