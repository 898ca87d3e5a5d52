"""Our step, as a run assembles it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from torch import nn

from unix_exp.bench.case import Case
from unix_exp.config import Settings
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.cuda_graph import step_for
from unix_exp.engine.folding import frozen
from unix_exp.engine.loop import Means, Step, epoch_seed
from unix_exp.run import assemble as build
from unix_exp.types import Batch


class Ours:
    """A whole step: the next batch, augmented, the update, and the loss added to its mean."""

    def __init__(self, case: Case, settings: Settings) -> None:
        self.step, self.analysis = assembled(case, settings)
        self.batches, self.means = endless(case), Means()

    def __call__(self) -> None:
        self.means.add(self.step(next(self.batches)))

    def look(self, batch: Batch) -> None:
        """What the analysis does with one batch in a hundred."""
        assert self.analysis is not None
        self.analysis.add(self.analysis.look(batch), kept=batch.index % 2 == 0)


def networks(case: Case) -> tuple[nn.Module, nn.Module]:
    """Student and teacher on the device, the teacher frozen, as a run has them."""
    student, teacher = case.networks()
    cheap = frozen(case.runtime.settled(teacher), case.runtime.precision_of_teacher, case.data.size)
    return case.runtime.settled(student), cheap


def assembled(case: Case, settings: Settings) -> tuple[Step, Analysis | None]:
    distiller = build.distiller(settings, *networks(case))
    case.runtime.settled(distiller)  # a criterion may have weights too
    analysis = Analysis(distiller, case.data, case.runtime) if case.runtime.analysis else None
    weights = [weight for weight in distiller.parameters() if weight.requires_grad]
    return step_for(distiller, case.recipe.optimiser(weights), case.runtime), analysis


def endless(case: Case) -> Iterator[Batch]:
    for epoch in count():
        yield from case.data.train_batches(case.recipe.batch, epoch_seed(0, epoch))
