"""Methods of tests/assembled.py that train on stored answers, as a run does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assembled import CPU, RECIPE, Case, Noise, networks_of, settings_of
from torch import nn

from unix_exp.engine.loop import Training
from unix_exp.run.answers.choice import Choice
from unix_exp.run.answers.making import Work, make_missing
from unix_exp.run.answers.parts import bytes_of
from unix_exp.run.answers.store import Store
from unix_exp.run.answers.views import Live, Stored
from unix_exp.run.training import training_of
from unix_exp.run.trial import Trial, tried
from unix_exp.types import Dataset


def unwatched(things: Any, label: str, total: int) -> Any:
    return things


def work(case: Case, choice: Choice, folder: Path, data: Dataset, trial: Trial, networks: dict[str, nn.Module]) -> Work:
    store = Store(folder / "store")
    store.begin({})
    image_bytes = bytes_of(trial.shapes["teacher"], trial.parts, choice)
    views = choice.used(data, trial.ledger.epochs)
    teacher = networks["teacher"].eval()
    return Work(store, choice, trial.parts, teacher, data, CPU, RECIPE.batch, image_bytes, views)


def training(case: Case, choice: Choice, folder: Path) -> Training:
    """A run over fixed views, the teacher's answers stored or live, before its first epoch."""
    data, networks = Noise(), networks_of(case)
    data.load("cpu")
    trial = tried(settings_of(case), networks, data, RECIPE, choice)
    networks = {role: CPU.settled(network) for role, network in networks.items()}
    views: Any = Live(choice)
    if choice.stored:
        made = work(case, choice, folder, data, trial, networks)
        make_missing(made, unwatched, print)
        views = Stored(made)
    return training_of(settings_of(case), networks, data, RECIPE, CPU, trial, views=views)
