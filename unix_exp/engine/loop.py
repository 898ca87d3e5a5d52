"""The epochs of a run, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from unix_exp.cost.ledger import Ledger
from unix_exp.distillers.clock import Clock
from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.choice import Choice
from unix_exp.engine.cuda_graph import step_for
from unix_exp.engine.epoch import Epoch, Part, evaluated
from unix_exp.engine.evaluate import Evaluation
from unix_exp.engine.optimiser import optimiser_of
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.stages import begins_in, length
from unix_exp.engine.step import Step
from unix_exp.engine.validation import judged_on, val_count, weights_of
from unix_exp.engine.world import World
from unix_exp.stopping import Stopped
from unix_exp.types import Dataset, Record, Stage, View, Watch
from unix_exp.words import counted


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
    teacher_guesses: Tensor | None = None  # of all images of an evaluation, where the agreement with it is measured
    evaluation: Evaluation | None = None  # the last one that this process made
    kept: dict[str, Tensor] = field(default_factory=dict)  # the student of the best epoch, with validation images
    part: Part | None = None  # of a begun epoch: set while it is saved, and when a run is continued within it
    save: Callable[[Training], None] | None = None  # write a checkpoint
    saved_at: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.choice = self.choice or Choice(self.method.sampler, self.data.train_count, self.stages[0].recipe.batch)

    @property
    def epochs(self) -> int:
        return length(self.stages)

    def is_due(self) -> bool:
        """Whether so much time has passed since the last checkpoint that one is written within the epoch."""
        minutes = self.runtime.checkpoint_minutes
        return minutes is not None and time.perf_counter() - self.saved_at >= 60 * minutes

    def keep(self) -> None:
        """Write a checkpoint, where there is one to write."""
        if self.save is not None:
            self.save(self)
            self.saved_at = time.perf_counter()

    def stage_step(self, stage: Stage) -> Step:
        """The step of a stage, made anew for its first epoch and when a run is continued."""
        if self.step is None or self.step.stage != stage.name:
            weights = [weight for weight in self.method.parameters() if weight.requires_grad]
            tally = self.analysis.tally if self.analysis is not None else None
            optimiser = optimiser_of(stage.recipe, weights)
            self.step = step_for(self.method, optimiser, self.runtime, stage.name, tally, self.say)
        return self.step


def unwatched(things: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    return things


def train(run: Training, watch: Watch = unwatched) -> Iterator[Record]:
    """Yield a record after every epoch; the caller decides what to do with it, and may stop."""
    with images_divided(run.data):
        while run.progress.epoch < run.epochs:
            stage, first = begins_in(run.stages, run.progress.epoch)
            if run.progress.epoch == first and run.part is None and len(run.stages) > 1:
                run.say(
                    f"stage {stage.name}: {counted(stage.recipe.epochs, 'epoch')}, learning rate {stage.recipe.lr:g}"
                )
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
    """One epoch of a stage whose first epoch was `first`, or what is left of it."""
    epoch = Epoch(run, stage, first)
    try:
        epoch.train(watch)
        found = evaluated(run, stage, watch)
    except Stopped as stopped:
        if run.save is None:
            raise
        epoch.keep()
        raise Stopped(stopped.number, epoch.where()) from None
    return recorded(run, epoch, found)


def recorded(run: Training, epoch: Epoch, found: tuple[Evaluation, float | None] | None) -> Record:
    """Count the epoch as done, and say what happened in it."""
    progress, stage, means, seconds = run.progress, epoch.stage, epoch.means, epoch.seconds
    progress.epoch += 1
    progress.steps = progress.steps | {stage.name: progress.steps.get(stage.name, 0) + means.count}
    progress.images += means.count * stage.recipe.batch
    progress.seconds += seconds

    loss = sum(value for name, value in epoch.values.items() if name.startswith("train/"))
    own = {"train/loss": loss, "train/lr": epoch.lr}
    values = own | epoch.values | own  # a method may call one of its terms so, too
    if len(run.stages) > 1:
        values["train/stage"] = 1 + [one.name for one in run.stages].index(stage.name)
    evaluation = arrays = None
    if found is not None:
        evaluation, agreement = found
        run.evaluation = evaluation
        images = judged_on(run.data)
        values |= {f"{images}/top1": evaluation.top1, f"{images}/top5": evaluation.top5}
        progress.last = {"epoch": progress.epoch, "top1": evaluation.top1, "top5": evaluation.top5}
        if agreement is not None:
            values[f"{images}/agreement"] = progress.last["agreement"] = agreement
        if not progress.best or progress.last["top1"] > progress.best["top1"]:
            progress.best = progress.last
            if val_count(run.data) and World.here().leads:  # the process that saves it
                run.kept = weights_of(run.method.student)
    if run.analysis is not None:
        selection, arrays = run.analysis.finish_epoch(evaluation)
        values |= selection
    values |= run.ledger.parts(progress.steps, progress.epoch)
    for price, name in ((1, "cost/percent_of_kd"), (2, "cost/percent_of_kd_backward_2")):
        percent = run.ledger.percent_of_kd(progress.steps, progress.epoch, price)
        if percent is not None:
            values[name] = percent
    values |= {"time/epoch_seconds": seconds, "time/train_seconds": progress.seconds}
    values["time/waited_for_images_percent"] = 100 * epoch.waited / seconds
    values["time/images_per_second"] = means.count * stage.recipe.batch / seconds
    return Record(progress.epoch, values, arrays)
