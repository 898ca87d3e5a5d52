"""The epochs of a run, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from unix_exp.cost.ledger import Ledger
from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Distiller
from unix_exp.distillers.scouting import Passes, undivided
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.choice import Choice
from unix_exp.engine.cuda_graph import step_for
from unix_exp.engine.evaluate import Evaluation, evaluate
from unix_exp.engine.optimiser_state import set_lr
from unix_exp.engine.parallel import agree
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.stages import begins_in, length
from unix_exp.engine.step import Between, Means, Step
from unix_exp.engine.world import Divided, World
from unix_exp.types import Dataset, Mistake, Record, Stage, View, Watch


@dataclass
class Progress:
    """How far a run has come: what the next epoch needs beside the weights."""

    epoch: int = 0  # epochs done
    steps: dict[str, int] = field(default_factory=dict)  # by stage
    seconds: float = 0.0  # spent training, evaluation apart
    images: int = 0
    best: dict[str, float] = field(default_factory=dict)  # epoch, top1, top5
    last: dict[str, float] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Training:
    """Everything that training works on. A stage's optimiser and step are made when the stage begins."""

    method: Distiller
    data: Dataset
    stages: tuple[Stage, ...]
    runtime: Runtime
    ledger: Ledger
    seed: int
    clock: Clock
    progress: Progress
    analysis: Analysis | None = None
    say: Callable[[str], None] = print
    step: Step | None = None
    choice: Choice | None = None
    views: Callable[[int], View | None] = lambda epoch: None  # how an epoch, counted from 0, shows the images
    teacher_guesses: Tensor | None = None  # of every test image, where the agreement with the teacher is measured

    def __post_init__(self) -> None:
        self.choice = self.choice or Choice(self.method.sampler, self.data.train_count, self.stages[0].recipe.batch)

    @property
    def epochs(self) -> int:
        return length(self.stages)

    def stage_step(self, stage: Stage) -> Step:
        """The step of a stage, made anew for its first epoch and when a run is continued."""
        if self.step is None or self.step.stage != stage.name:
            weights = [weight for weight in self.method.parameters() if weight.requires_grad]
            tally = self.analysis.tally if self.analysis is not None else None
            optimiser = stage.recipe.optimiser(weights)
            self.step = step_for(self.method, optimiser, self.runtime, stage.name, tally, self.say)
        return self.step


def unwatched(things: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    return things


def train(run: Training, watch: Watch = unwatched) -> Iterator[Record]:
    """Yield a record after every epoch; the caller decides what to do with it, and may stop."""
    with images_divided(run.data):
        while run.progress.epoch < run.epochs:
            stage, first = begins_in(run.stages, run.progress.epoch)
            if run.progress.epoch == first and len(run.stages) > 1:
                run.say(f"stage {stage.name}: {stage.recipe.epochs} epochs, learning rate {stage.recipe.lr:g}")
            yield train_epoch(run, stage, first, watch)


@contextmanager
def images_divided(data: Dataset) -> Iterator[None]:
    """Let several processes read a part of each batch, where the data set can: reading is what takes time there."""
    divide = getattr(data, "divide", None) if World.here().size > 1 else None
    if divide is not None:
        divide(World.here())
    try:
        yield
    finally:
        if divide is not None:
            divide(None)


def train_epoch(run: Training, stage: Stage, first: int, watch: Watch) -> Record:
    """One epoch of a stage whose first epoch was `first`."""
    progress, recipe = run.progress, stage.recipe
    started = time.perf_counter()
    step, lr = run.stage_step(stage), stage.lr_at(progress.epoch, first)
    set_lr(step.optimiser, lr)
    run.clock.set(progress.epoch)
    # All randomness is a function of (seed, epoch), so that a continued run draws what an uninterrupted one does.
    seed = epoch_seed(run.seed, progress.epoch)
    torch.manual_seed(seed + 1)  # + 1: the data seeds a generator of its own, which must not draw the same numbers
    run.method.train()
    assert run.choice is not None
    means, only = Means(), run.choice(progress.epoch, seed + 1)
    steps = (run.data.train_count if only is None else len(only)) // recipe.batch
    observed = run.analysis.around(step) if run.analysis is not None else step
    view = run.views(progress.epoch)
    between = Between(run.runtime.place())
    # Given only where there is one: a data set of someone's own need not know either.
    chosen = {name: one for name, one in (("only", only), ("view", view)) if one is not None}
    batches = run.data.train_batches(recipe.batch, seed, **chosen)  # type: ignore[arg-type]
    for batch in watch(batches, f"epoch {progress.epoch + 1}", steps):
        between.mark()
        means.add(observed(batch))
        between.mark()
    values = means.read()  # the one wait for the device
    if World.here().size > 1 and not run.runtime.sync_batch_norm:
        agree(run.method)
    seconds = time.perf_counter() - started
    progress.epoch += 1
    progress.steps = progress.steps | {stage.name: progress.steps.get(stage.name, 0) + means.count}
    progress.images += means.count * recipe.batch
    progress.seconds += seconds

    loss = sum(value for name, value in values.items() if name.startswith("train/"))
    if loss != loss or abs(loss) == float("inf"):
        raise Mistake(
            f"the loss is {loss} in epoch {progress.epoch}; lower recipe.lr (now {lr:g}) or a criterion's weight"
        )
    own = {"train/loss": loss, "train/lr": lr}
    values = own | values | own  # a method may call one of its terms so, too
    if len(run.stages) > 1:
        values["train/stage"] = 1 + [one.name for one in run.stages].index(stage.name)
    evaluation, arrays = None, None
    if progress.epoch % recipe.evaluate_every == 0 or progress.epoch == run.epochs:
        evaluation = evaluate(run.method.student, run.data, recipe.batch, run.runtime, watch, evaluating())
        values |= {"test/top1": evaluation.top1, "test/top5": evaluation.top5}
        progress.last = {"epoch": progress.epoch, "top1": evaluation.top1, "top5": evaluation.top5}
        if (agreement := agreement_with_teacher(run, evaluation, watch)) is not None:
            values["test/agreement"] = progress.last["agreement"] = agreement
        if not progress.best or progress.last["top1"] > progress.best["top1"]:
            progress.best = progress.last
    if run.analysis is not None:
        selection, arrays = run.analysis.finish_epoch(evaluation)
        values |= selection
    values |= run.ledger.parts(progress.steps, progress.epoch)
    for price, name in ((1, "cost/percent_of_kd"), (2, "cost/percent_of_kd_backward_2")):
        percent = run.ledger.percent_of_kd(progress.steps, progress.epoch, price)
        if percent is not None:
            values[name] = percent
    values |= {"time/epoch_seconds": seconds, "time/train_seconds": progress.seconds}
    values["time/waited_for_images_percent"] = 100 * between.seconds() / seconds
    values["time/images_per_second"] = means.count * recipe.batch / seconds
    return Record(progress.epoch, values, arrays)


def evaluating() -> Passes:
    """How a network is run on test images: several processes divide each batch."""
    world = World.here()
    return Divided(world, features=False) if world.size > 1 else undivided


def agreement_with_teacher(run: Training, student: Evaluation, watch: Watch) -> float | None:
    """Of how many test images, in per cent, student and teacher guess the same class; None where it is not measured."""
    method, teacher = run.method, "teacher"
    if not run.runtime.agreement or teacher not in method.frozen:
        return None
    if run.teacher_guesses is None or teacher in method.averages:  # an average of the student changes
        network = method.get_submodule(teacher)
        batch = run.stages[0].recipe.batch
        run.teacher_guesses = evaluate(network, run.data, batch, run.runtime, watch, evaluating()).guesses
    return 100 * float((student.guesses == run.teacher_guesses).float().mean())


def epoch_seed(seed: int, epoch: int) -> int:
    """One seed from both numbers; neighbouring epochs get seeds far apart."""
    return (seed * 1_000_003 + epoch) * 2_654_435_761 % 2**63
