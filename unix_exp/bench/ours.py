"""Our step, as a run assembles it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import torch
from torch import nn

from unix_exp.bench.case import Case
from unix_exp.config import Settings
from unix_exp.engine.epoch import epoch_seed
from unix_exp.engine.folding import frozen
from unix_exp.engine.step import Means
from unix_exp.run.answers.choice import Choice
from unix_exp.run.answers.parts import encode
from unix_exp.run.answers.views import Gathered
from unix_exp.run.asked import as_asked
from unix_exp.run.extending import extended
from unix_exp.run.networks import chosen_for, declared_roles
from unix_exp.run.training import training_of
from unix_exp.run.trial import Trial
from unix_exp.types import Batch, View


class Ours:
    """A whole step: the next batch, augmented, the update, and the loss added to its mean."""

    def __init__(self, case: Case, settings: Settings) -> None:
        trial = case.trial_of(settings)
        training = training_of(settings, networks(case, settings), case.data, case.recipe, case.runtime, trial)
        self.step, self.analysis = training.stage_step(training.stages[0]), training.analysis
        training.method.train()
        choice = Choice.of(settings["answers"])
        answers = answers_of(case, trial, choice) if choice.stored else None
        self.batches, self.means = endless(case, choice.shown, answers), Means()

    def __call__(self) -> None:
        self.means.add(self.step(next(self.batches)))

    def look(self, batch: Batch) -> None:
        """What the analysis does with one batch in a hundred."""
        assert self.analysis is not None
        self.analysis.add(self.analysis.look(batch), kept=batch.index % 2 == 0)


def networks(case: Case, settings: Settings) -> dict[str, nn.Module]:
    """By role, on the device, what is not trained frozen as a run with these settings has it."""
    kinds = declared_roles(case.settings)
    precision, size = case.runtime.precision_of_teacher, case.data.size
    whole = extended(case.settings, case.networks(), size)
    made = {role: case.runtime.settled(network) for role, network in whole.items()}
    for role in made:
        if kinds.get(role) == "frozen":
            asked = as_asked(made[role], chosen_for(settings, role), size, role)
            made[role] = frozen(asked, precision, size)
    return made


def answers_of(case: Case, trial: Trial, choice: Choice) -> Gathered:
    """Answers of the shapes that the teacher's would have; their values change no time."""
    shapes = encode(trial.shapes["teacher"], trial.parts, choice)
    arrays = {
        name: torch.zeros((case.data.train_count, *one.shape[1:]), dtype=one.dtype, device=case.runtime.place())
        for name, one in shapes.items()
    }
    return Gathered(arrays, len(case.data.classes))


def endless(
    case: Case, shown: Callable[[int], View | None] = lambda epoch: None, answers: Gathered | None = None
) -> Iterator[Batch]:
    for epoch in count():
        view = shown(epoch)
        if view is not None and answers is not None:
            view = view._replace(answers=answers)
        yield from case.data.train_batches(case.recipe.batch, epoch_seed(0, epoch), view=view)
