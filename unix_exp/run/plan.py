"""Which run a configuration means, and everything about it that can be checked before it starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from omegaconf import DictConfig
from torch import nn

from unix_exp import config
from unix_exp.config import Settings, plugins
from unix_exp.engine.runtime import Runtime
from unix_exp.recipe import Recipe
from unix_exp.run import components
from unix_exp.run.answers.choice import Choice
from unix_exp.run.extending import check_larger
from unix_exp.run.folder import RunFolder
from unix_exp.run.networks import TEACHER, Network, determining, networks_of
from unix_exp.run.sources import Average, FromFile
from unix_exp.run.trial import Trial, tried
from unix_exp.sinks import several
from unix_exp.types import Dataset, Mistake


class Located(NamedTuple):
    """Which run a configuration means, known without loading or training anything."""

    settings: Settings
    recipe: Recipe
    runtime: Runtime
    data: Dataset
    networks: tuple[Network, ...]
    identity: str
    folder: RunFolder
    answers: Choice = Choice()

    @property
    def teacher(self) -> Network | None:
        return next((network for network in self.networks if network.role == TEACHER), None)


class Plan(NamedTuple):
    """A run whose every setting has been checked, before anything is loaded or trained."""

    located: Located
    modules: dict[str, nn.Module]  # its networks by role, with fresh weights
    trial: Trial


def locate(whole: DictConfig, dataset: Callable[[Settings], Dataset] = components.dataset) -> Located:
    """`dataset` finds the images of a data set; who looks at many runs may list its files once."""
    whole = config.with_assistant(whole)
    settings = config.resolve(whole)
    plugins.load(settings["plugins"])  # a launcher's process has none yet
    recipe, runtime = components.recipe(settings["recipe"]), components.runtime(settings["runtime"])
    several.check(settings["logger"])
    data = dataset(settings["dataset"])
    if config.has_teacher(settings):
        check_batch(components.recipe(settings["teacher_recipe"], "teacher_recipe"), data, "teacher_recipe")
    networks = networks_of(whole, settings, data.fingerprint(), len(data.classes))
    identity = config.identity(determining(settings, data.fingerprint(), networks))
    answers = Choice.of(settings["answers"])
    return Located(settings, recipe, runtime, data, networks, identity, RunFolder.of(settings, identity), answers)


def check_batch(recipe: Recipe, data: Dataset, role: str) -> None:
    if recipe.batch > data.train_count:
        raise Mistake(f"{role}.batch is {recipe.batch}, but the dataset has {data.train_count} training images")


def check(located: Located) -> Plan:
    """Build the networks and try one step of them without data: what can't work fails here."""
    check_batch(located.recipe, located.data, "recipe")
    if located.answers.stored and located.teacher is not None and isinstance(located.teacher.source, Average):
        raise Mistake("answers are stored, but this teacher is an average of the student, which changes in every step")
    classes = len(located.data.classes)
    modules = {network.role: network.build(classes) for network in located.networks}
    for network in located.networks:
        if isinstance(network.source, FromFile):  # a file that does not fit is found before anything is loaded
            network.source.fill(modules[network.role], network.name, say=lambda _: None)
    trial = tried(located.settings, modules, located.data, located.recipe, located.answers)
    check_larger(located.settings, modules, averages(located.networks), located.data.size)  # of networks that can run
    return Plan(located, modules, trial)


def averages(networks: tuple[Network, ...]) -> dict[str, float]:
    return {network.role: network.source.decay for network in networks if isinstance(network.source, Average)}
