"""What is timed, from the words of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import nn

from unix_exp import config
from unix_exp.config import Settings, compose
from unix_exp.cost.ledger import StepCost
from unix_exp.data.resident import Resident
from unix_exp.engine.runtime import Runtime
from unix_exp.recipe import Recipe
from unix_exp.run import components
from unix_exp.run.networks import chosen_for, declared_roles
from unix_exp.run.plan import check_batch
from unix_exp.run.trial import Trial, tried
from unix_exp.types import Mistake

SHAPES = ("dataset=shapes", "dataset.train_count=6400", "dataset.test_count=24")  # a hundred batches of 64
CONVENTIONAL = ("logger=none", "experiment=kd")
OF_METHOD = ("distiller", "sampler")


class Case(NamedTuple):
    """A pair, a method, a batch and a machine."""

    words: tuple[str, ...]  # of the command line
    settings: Settings
    conventional: Settings  # the same with conventional distillation, where both networks see the whole batch
    recipe: Recipe
    runtime: Runtime
    data: Resident
    trial: Trial

    @property
    def is_conventional(self) -> bool:
        same = all(self.settings[key]["name"] == self.conventional[key]["name"] for key in OF_METHOD)
        return same and not config.of_answers(self.settings) and not config.of_teacher_asked(self.settings)

    @property
    def cost(self) -> StepCost:
        """Of a step of the method's first stage."""
        return self.trial.ledger.first

    def networks(self) -> dict[str, nn.Module]:
        return networks(self.settings, len(self.data.classes))

    def trial_of(self, settings: Settings) -> Trial:
        return self.trial if settings is self.settings else tried(settings, self.networks(), self.data, self.recipe)

    def what(self) -> dict[str, Any]:
        return what(self.settings, self.recipe, self.data)


def what(settings: Settings, recipe: Recipe, data: Resident) -> dict[str, Any]:
    """All that a step's time depends on, apart from the machine and the code."""
    about_machine = ("device", "threads", "checkpoint_every")
    return {
        "pair": config.pair_name(settings),
        "sampler": settings["sampler"],
        "criterion": settings["criterion"],
        "asked for less": config.of_teacher_asked(settings),
        **({"answers": answers} if (answers := config.of_answers(settings)) else {}),
        "batch": recipe.batch,
        "pixels": data.size,
        "classes": len(data.classes),
        "runtime": config.without(settings["runtime"], *about_machine),
    }


def settings_of(words: Sequence[str]) -> tuple[Settings, Settings]:
    """Of the words, and of conventional distillation."""
    compose.prepare(words)
    own_data = any(word.startswith("dataset=") for word in words)
    with compose.hydra_ready():
        settings = config.resolve(compose.composed(("logger=none", *(() if own_data else SHAPES), *words)))
        control = config.resolve(compose.composed(CONVENTIONAL))
    return settings, control


def read(words: Sequence[str]) -> Case:
    """The case, with everything checked and nothing loaded."""
    settings, control = settings_of(words)
    recipe, runtime = components.recipe(settings["recipe"]), components.runtime(settings["runtime"])
    if not config.has_teacher(settings):
        raise Mistake("the bench times distillation, which needs a teacher; choose one with teacher=NAME")
    data = components.dataset(settings["dataset"])
    check_batch(recipe, data, "recipe")
    if not isinstance(data, Resident):
        raise Mistake(f"dataset '{settings['dataset']['name']}' is read from disk; the bench needs one kept in memory")
    runtime.settle()
    trial = tried(settings, networks(settings, len(data.classes)), data, recipe)
    whole = config.without(settings["teacher"], *config.LESS)
    conventional = {**settings, "teacher": whole, **{key: control[key] for key in (*OF_METHOD, "answers")}}
    return Case(tuple(words), settings, conventional, recipe, runtime, data, trial)


def networks(settings: Settings, classes: int) -> dict[str, nn.Module]:
    """By role, with the same random weights each time."""
    roles = ("student", *declared_roles(settings))
    return {
        role: components.network(chosen_for(settings, role), role, classes, seed) for seed, role in enumerate(roles)
    }
