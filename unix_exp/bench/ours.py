"""Our step, as a run assembles it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from torch import nn

from unix_exp.bench.case import Case
from unix_exp.config import Settings
from unix_exp.engine.folding import frozen
from unix_exp.engine.loop import epoch_seed
from unix_exp.engine.step import Means
from unix_exp.run.networks import declared_roles
from unix_exp.run.training import training_of
from unix_exp.types import Batch


class Ours:
    """A whole step: the next batch, augmented, the update, and the loss added to its mean."""

    def __init__(self, case: Case, settings: Settings) -> None:
        training = training_of(settings, networks(case), case.data, case.recipe, case.runtime, case.trial_of(settings))
        self.step, self.analysis = training.stage_step(training.stages[0]), training.analysis
        training.method.train()
        self.batches, self.means = endless(case), Means()

    def __call__(self) -> None:
        self.means.add(self.step(next(self.batches)))

    def look(self, batch: Batch) -> None:
        """What the analysis does with one batch in a hundred."""
        assert self.analysis is not None
        self.analysis.add(self.analysis.look(batch), kept=batch.index % 2 == 0)


def networks(case: Case) -> dict[str, nn.Module]:
    """By role, on the device, what is not trained frozen as a run has it."""
    kinds = declared_roles(case.settings)
    made = {role: case.runtime.settled(network) for role, network in case.networks().items()}
    precision, size = case.runtime.precision_of_teacher, case.data.size
    return {role: frozen(one, precision, size) if kinds.get(role) == "frozen" else one for role, one in made.items()}


def endless(case: Case) -> Iterator[Batch]:
    for epoch in count():
        yield from case.data.train_batches(case.recipe.batch, epoch_seed(0, epoch))
