"""One epoch, which can be left between two steps and continued there."""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from unix_exp.distillers.scouting import Passes, undivided
from unix_exp.engine.evaluate import Evaluation, evaluate
from unix_exp.engine.finite import LossWatch, check_state
from unix_exp.engine.optimiser_state import set_lr
from unix_exp.engine.parallel import agree, stop_if_asked
from unix_exp.engine.randomness import generators, set_generators, set_seed
from unix_exp.engine.step import Between, Means
from unix_exp.engine.validation import judged_on, judges
from unix_exp.engine.world import Divided, World
from unix_exp.types import Batch, Dataset, Stage, View, Watch

if TYPE_CHECKING:
    from unix_exp.engine.loop import Training


@dataclass
class Part:
    """A begun epoch: what the rest of it depends on beside the method, the optimiser and the analysis's own state."""

    steps: int  # done
    seconds: float
    waited: float  # of these, between steps
    sums: dict[str, Tensor]  # of the losses
    randomness: dict[str, Tensor]  # the generators before the next step
    sampler: dict[str, Any] | None  # the state of a sampler that chooses for an epoch, before it chose
    analysis: dict[str, Any] = field(default_factory=dict)  # given back to it when the checkpoint is read


class Epoch:
    """The steps of an epoch of a stage whose first epoch was `first`."""

    def __init__(self, run: Training, stage: Stage, first: int) -> None:
        self.run, self.stage, self.number = run, stage, run.progress.epoch
        part, run.part = run.part, None
        self.began = time.perf_counter() - (part.seconds if part is not None else 0.0)
        self.waited_before = part.waited if part is not None else 0.0
        self.step, self.lr = run.stage_step(stage), stage.lr_at(self.number, first)
        set_lr(self.step.optimiser, self.lr)
        run.clock.set(self.number)
        # All randomness is a function of (seed, epoch), so that a continued run draws what an uninterrupted one does.
        self.seed = epoch_seed(run.seed, self.number)
        set_seed(self.seed + 1)  # + 1: the data seeds a generator of its own, with other numbers
        run.method.train()
        self.only = self.chosen(part)
        batch = stage.recipe.batch
        self.steps = (run.data.train_count if self.only is None else len(self.only)) // batch
        self.means = Means()
        device = run.runtime.place()
        if part is not None:
            self.means.sums = {name: total.to(device) for name, total in part.sums.items()}
            self.means.count = part.steps
            set_generators(device, part.randomness, self.seed + 1 + part.steps)
        self.losses = LossWatch(device, self.number + 1, self.lr, self.means.count)
        self.between = Between(device)
        self.seconds = 0.0

    def chosen(self, part: Part | None) -> Tensor | None:
        """The images that the sampler chooses. Of an epoch that goes on it is asked as at its beginning."""
        run, sampler = self.run, self.run.method.sampler
        assert run.choice is not None
        self.sampler_before: dict[str, Any] | None = None
        if not (run.choice.chooses and isinstance(sampler, nn.Module)):
            return run.choice(self.number, self.seed + 1)
        now = copy.deepcopy(sampler.state_dict())
        if part is None or part.sampler is None:
            self.sampler_before = now
            return run.choice(self.number, self.seed + 1)
        self.sampler_before = part.sampler
        sampler.load_state_dict(part.sampler)
        only = run.choice(self.number, self.seed + 1)
        sampler.load_state_dict(now)
        return only

    def train(self, watch: Watch) -> None:
        """The steps that are left; where a signal asks for the end, between two of them."""
        run, batch = self.run, self.stage.recipe.batch
        observed = self.step if run.analysis is None else run.analysis.around(self.step, self.means.count)
        batches = rest(run.data, batch, self.seed, self.only, run.views(self.number), self.means.count)
        for one in watch(batches, f"epoch {self.number + 1}", self.steps - self.means.count):
            self.between.mark()
            self.means.add(observed(one))
            self.between.mark()
            self.losses(self.means)
            stop_if_asked(World.here())
            if run.is_due():
                self.keep()
        self.values = self.means.read()  # the one wait for the device
        if World.here().size > 1 and not run.runtime.sync_batch_norm:
            agree(run.method)
        self.seconds = time.perf_counter() - self.began
        self.losses.judge(self.values, self.means.count)
        check_state(run.method, self.step.optimiser, self.number + 1, self.means.count, self.lr)

    @property
    def waited(self) -> float:
        return self.waited_before + self.between.seconds()

    def keep(self) -> None:
        """Save the run in the middle of this epoch, unless what would be saved is not finite."""
        run = self.run
        if run.save is None:
            return
        device = run.runtime.place()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        self.losses.judge(self.means.read(), self.means.count)
        check_state(run.method, self.step.optimiser, self.number + 1, self.means.count, self.lr)
        run.part = Part(
            steps=self.means.count,
            seconds=self.seconds or time.perf_counter() - self.began,
            waited=self.waited,
            sums=dict(self.means.sums),
            randomness=generators(device),
            sampler=self.sampler_before,
            analysis=run.analysis.part() if run.analysis is not None else {},
        )
        run.keep()
        run.part = None

    def where(self) -> str:
        done = f"{self.means.count} of {self.steps} steps" if self.means.count < self.steps else "its last step"
        return f"in epoch {self.number + 1} after {done}, all saved"


def evaluated(run: Training, stage: Stage, watch: Watch) -> tuple[Evaluation, float | None] | None:
    """The student on test or validation images, and its agreement with the teacher; None in an epoch without."""
    epoch, batch = run.progress.epoch + 1, stage.recipe.batch
    if epoch % stage.recipe.evaluate_every and epoch < run.epochs:
        return None
    images, label = judges(run.data), judged_on(run.data)
    evaluation = evaluate(run.method.student, images, batch, run.runtime, watch, evaluating(), label)
    return evaluation, agreement_with_teacher(run, evaluation, watch)


def evaluating() -> Passes:
    """How a network is run on images that it does not learn from: several processes divide each batch."""
    world = World.here()
    return Divided(world, features=False) if world.size > 1 else undivided


def agreement_with_teacher(run: Training, student: Evaluation, watch: Watch) -> float | None:
    """Of how many of these images, in per cent, both guess the same class; None where it is not measured."""
    method, teacher = run.method, "teacher"
    if not run.runtime.agreement or teacher not in method.frozen:
        return None
    if run.teacher_guesses is None or teacher in method.averages:  # an average of the student changes
        network = method.get_submodule(teacher)
        batch = run.stages[0].recipe.batch
        images, label = judges(run.data), judged_on(run.data)
        run.teacher_guesses = evaluate(network, images, batch, run.runtime, watch, evaluating(), label).guesses
    return 100 * float((student.guesses == run.teacher_guesses).float().mean())


def rest(data: Dataset, batch: int, seed: int, only: Tensor | None, view: View | None, first: int) -> Iterator[Batch]:
    """An epoch's batches from a number on; a data set that cannot begin there makes the earlier ones for nothing."""
    # Given only where there is one: a data set of someone's own need not know either.
    chosen: dict[str, Any] = {name: one for name, one in (("only", only), ("view", view)) if one is not None}
    if not first:
        return data.train_batches(batch, seed, **chosen)
    if "first" in inspect.signature(data.train_batches).parameters:
        return data.train_batches(batch, seed, **chosen, first=first)
    return islice(data.train_batches(batch, seed, **chosen), first, None)


def epoch_seed(seed: int, epoch: int) -> int:
    """One seed from both numbers; neighbouring epochs get seeds far apart."""
    return (seed * 1_000_003 + epoch) * 2_654_435_761 % 2**63
