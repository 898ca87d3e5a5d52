"""Any registered component in a method that trains: tiny networks, a tiny data set, assembled as a run does it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin

import pytest
import torch
from plugged import forgotten_afterwards
from torch import Tensor, nn

from unix_exp.config import plugins
from unix_exp.data.resident import Images, Resident
from unix_exp.engine.loop import Training
from unix_exp.engine.randomness import set_seed
from unix_exp.engine.runtime import Runtime
from unix_exp.recipe import Recipe
from unix_exp.registry import Registry, criteria, distillers, samplers
from unix_exp.run.extending import extended
from unix_exp.run.networks import declared_roles
from unix_exp.run.training import training_of
from unix_exp.run.trial import Trial, tried
from unix_exp.types import Batch, Output

HERE = Path(__file__).parent
PLUGINS = [HERE / "demanding.py", *sorted((HERE.parent / "examples").glob("*.py"))]
RECIPE = Recipe(epochs=2, batch=16, lr=0.05, milestones=[1])
CPU = Runtime(device="cpu")

# A value for every setting that some component has and that has no default, by the setting's name.
NEEDED: dict[str, Any] = {
    "arch": "resnet18",
    "paths": {"st": 0.1, "logits": 0.1, "at": 1000, "nst": 10, "fm": 1, "srrl": 1},
}


@contextmanager
def with_examples() -> Iterator[None]:
    """The components of examples/ and of demanding.py beside the package's; afterwards the process is as it was."""
    with forgotten_afterwards():
        plugins.load(str(path) for path in PLUGINS)
        yield


class Tiny(nn.Module):
    """A stem and two stages."""

    def __init__(self, width: int, num_classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(entering, 2 * width, 3, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU())
            for entering in (width, 2 * width)
        )
        self.fc = nn.Linear(2 * width, num_classes)

    def forward(self, images: Tensor) -> Output:
        maps = [self.stem(images).relu()]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        embedding = maps[-1].mean((2, 3))
        return Output(self.classify(embedding), (*maps, embedding), embedding)

    def classify(self, embedding: Tensor) -> Tensor:
        logits: Tensor = self.fc(embedding)
        return logits


class Noise(Resident):
    """Sixty-four images of noise, four steps an epoch."""

    classes, size, train_count, test_count = tuple("abcdefghij"), 8, 64, 16
    mean, std = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)

    def read(self, watch: object = None) -> tuple[Images, Images]:
        generator = torch.Generator().manual_seed(0)
        pixels = torch.randint(0, 256, (80, 8, 8, 3), dtype=torch.uint8, generator=generator)
        labels = torch.arange(80) % 10
        count = self.train_count
        return Images(pixels[:count], labels[:count]), Images(pixels[64:], labels[64:])


class LessNoise(Noise):
    """Two steps an epoch, for what is asked of a hundred methods."""

    train_count = 32


class Case(NamedTuple):
    """A method to be assembled: components by name, and settings of the sampler that are no defaults."""

    distiller: str
    sampler: str
    criteria: tuple[str, ...]
    chosen: tuple[tuple[str, Any], ...] = ()
    average: bool = False  # whether the teacher is a moving average of the student
    way: tuple[tuple[str, Any], ...] = ()  # settings of the distiller that are no defaults

    def __str__(self) -> str:
        chosen = [f"{name}={value}" for name, value in (*self.way, *self.chosen)]
        return "-".join([self.distiller, self.sampler, *chosen, *self.criteria, *(["average"] * self.average)])


def needed(registry: Registry, name: str) -> dict[str, Any]:
    """Values for the settings of a component that have no default."""
    missing = [
        key
        for key, parameter in inspect.signature(registry[name]).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        and key not in registry.supplied
    ]
    unknown = [key for key in missing if key not in NEEDED]
    assert not unknown, f"{registry.kind} '{name}' needs {unknown}: give each a value in NEEDED, tests/assembled.py"
    return {key: NEEDED[key] for key in missing}


def settings_of(case: Case) -> dict[str, Any]:
    return {
        "seed": 0,
        "distiller": {"name": case.distiller, **needed(distillers, case.distiller), **dict(case.way)},
        "sampler": {"name": case.sampler, **needed(samplers, case.sampler), **dict(case.chosen)},
        "criterion": {name: {"weight": 1.0, **needed(criteria, name)} for name in case.criteria},
    }


def networks_of(case: Case) -> dict[str, nn.Module]:
    """A network for every role that the method and its sampler declare; the student is narrower than the others."""
    roles = declared_roles(settings_of(case))
    set_seed(1)
    networks: dict[str, nn.Module] = {"student": Tiny(4)}
    for role in roles:
        networks.setdefault(role, Tiny(4 if case.average else 6))
    if case.average:
        networks["teacher"].load_state_dict(networks["student"].state_dict())
    return extended(settings_of(case), networks, Noise.size)


@cache
def trial_of(case: Case, images: type[Noise] = Noise) -> Trial:
    return tried(settings_of(case), networks_of(case), images(), RECIPE)


def training(
    case: Case,
    runtime: Runtime = CPU,
    say: Callable[[str], None] = lambda _: None,
    recipe: Recipe = RECIPE,
    images: type[Noise] = Noise,
) -> Training:
    """A run of this method before its first epoch; every stage has two epochs, so that it can be cut in two."""
    data = images()
    data.load("cpu")
    networks = {role: runtime.settled(network) for role, network in networks_of(case).items()}
    averages: Mapping[str, float] = {"teacher": 0.9} if case.average else {}
    trial = trial_of(case, images)
    run = training_of(settings_of(case), networks, data, recipe, runtime, trial, averages, say=say)
    run.stages = tuple(stage._replace(recipe=stage.recipe.but(epochs=2)) for stage in run.stages)
    return run


def first_batch(run: Training) -> Batch:
    return next(iter(run.data.train_batches(RECIPE.batch, seed=3)))


def on_meta(batch: Batch) -> Batch:
    return Batch(*(None if tensor is None else tensor.to("meta") for tensor in batch))


def plain(annotation: Any) -> Any:
    """The type alone, without its range and meaning."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def options(registry: Registry, name: str) -> list[tuple[str, Any]]:
    """Settings that choose between a few ways, each with every value that is no default."""
    found: list[tuple[str, Any]] = []
    for key, parameter in inspect.signature(registry[name], eval_str=True).parameters.items():
        wanted = plain(parameter.annotation)
        choices = get_args(wanted) if get_origin(wanted) is Literal else ()
        if wanted is bool:
            choices = (False, True)
        found += [(key, choice) for choice in choices if choice != parameter.default]
    return found


def cases() -> list[Case]:
    """Every distiller with plain parts, every sampler with its ways, every criterion with all images and with mixed."""
    with with_examples():
        made = [Case(name, "unix", objective(name)) for name in distillers.names()]
        made += [case._replace(average=True) for case in made if "teacher" in distillers[case.distiller].networks]
        made += [case._replace(way=(way,)) for case in made for way in options(distillers, case.distiller)]
        for name in samplers.names():
            made.append(Case("offline", name, ("kd",)))
            made += [Case("offline", name, ("kd",), (option,)) for option in options(samplers, name)]
        made += [Case("offline", sampler, (name,)) for name in criteria.names() for sampler in ("everything", "unix")]
    return list(dict.fromkeys(made))


def criteria_of_cases() -> list[str]:
    with with_examples():
        return criteria.names()


def once_each() -> list[Case]:
    """Every component once: a criterion with a sampler that chooses and mixes, an average with the plainest method."""
    plain = [case for case in cases() if not case.chosen and not case.way]
    averaged = [case for case in plain if case.average and case.distiller == "offline"]
    others = [case for case in plain if not case.average and (case.sampler != "everything" or case.criteria == ("kd",))]
    return averaged + others


def with_one_sampler() -> list[Case]:
    """All cases, but each criterion with a sampler that chooses and mixes alone."""
    return [case for case in cases() if case.sampler != "everything" or case.criteria == ("kd",)]


def without_criteria() -> list[Case]:
    """Of these, every method and every sampler."""
    return [case for case in once_each() if len(case.criteria) > 1 or case.criteria[0] in ("kd", "ce")]


def objective(distiller: str) -> tuple[str, ...]:
    return ("kd", "ce") if distillers[distiller].networks else ("ce",)


@pytest.fixture(scope="module", autouse=True)
def plugged_in() -> Iterator[None]:
    with with_examples():
        yield
