"""One step, the means of many, and the epochs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from unix_exp.cost import StepCost
from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.analysis import Analysis
from unix_exp.engine.evaluate import evaluate
from unix_exp.engine.recipe import Recipe, set_lr
from unix_exp.engine.runtime import Runtime
from unix_exp.types import Batch, Dataset, Mistake, Record, Terms, Watch


class Step:
    """One update. Every value stays on the device; nothing here waits for it."""

    def __init__(self, distiller: Distiller, optimiser: torch.optim.Optimizer, runtime: Runtime) -> None:
        self.distiller = distiller
        self.optimiser = optimiser
        self.runtime = runtime
        if runtime.scouts_otherwise:
            distiller.scouting = runtime.scouting
        self.look = torch.compile(distiller, fullgraph=True) if runtime.compile else distiller

    def __call__(self, batch: Batch) -> Terms:
        with self.runtime.autocast():
            terms = self.look(batch)
        self.optimiser.zero_grad(set_to_none=True)
        sum(terms.values()).backward()
        self.optimiser.step()
        return {name: term.detach() for name, term in terms.items()}


class Means:
    """Running sums on the device, read once when an epoch ends."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.count = 0

    def add(self, terms: Terms) -> None:
        for name, term in terms.items():
            self.sums[name] = self.sums[name] + term if name in self.sums else term
        self.count += 1

    def read(self) -> dict[str, float]:
        return {name: float(total) / self.count for name, total in self.sums.items()}


class Between:
    """The time between steps, when the device waits for images or makes them ready; on a GPU as the GPU sees it."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.on_gpu = device, device.type == "cuda"
        self.marks: list[Any] = []  # the beginning, then before and after every step
        self.mark()

    def mark(self) -> None:
        if self.on_gpu:
            self.marks.append(torch.cuda.Event(enable_timing=True))
            # The host goes on; the run's own GPU, which need not be the current one, notes when it comes there.
            self.marks[-1].record(torch.cuda.current_stream(self.device))
        else:
            self.marks.append(time.perf_counter())

    def seconds(self) -> float:
        """Ask once the device has done its work."""
        pairs = list(zip(self.marks[0::2], self.marks[1::2], strict=False))
        if self.on_gpu:
            return sum(since.elapsed_time(until) for since, until in pairs) / 1000
        return sum(until - since for since, until in pairs)


@dataclass
class Progress:
    """How far a run has come: all that the next epoch needs to know beside the weights."""

    epoch: int = 0  # epochs done
    steps: int = 0
    seconds: float = 0.0  # spent training, evaluation apart
    images: int = 0
    best: dict[str, float] = field(default_factory=dict)  # epoch, top1, top5
    last: dict[str, float] = field(default_factory=dict)

    def state(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Run:
    """Everything that training works on."""

    distiller: Distiller
    step: Step
    data: Dataset
    recipe: Recipe
    runtime: Runtime
    cost: StepCost
    seed: int
    progress: Progress
    analysis: Analysis | None = None


def unwatched(things: Iterable[Any], label: str, total: int) -> Iterable[Any]:
    return things


def train(run: Run, watch: Watch = unwatched) -> Iterator[Record]:
    """Yield a record after every epoch; the caller decides what to do with it, and may stop."""
    while run.progress.epoch < run.recipe.epochs:
        yield train_epoch(run, watch)


def train_epoch(run: Run, watch: Watch) -> Record:
    progress, batch_size = run.progress, run.recipe.batch
    started = time.perf_counter()
    lr = run.recipe.lr_at(progress.epoch)
    set_lr(run.step.optimiser, lr)
    # All chance is a function of (seed, epoch): an epoch begins alike after an interruption and without one.
    seed = epoch_seed(run.seed, progress.epoch)
    torch.manual_seed(seed + 1)  # the data draws from a generator of its own: not the same numbers
    run.distiller.train()
    means, steps = Means(), run.data.train_count // batch_size
    step = run.analysis.around(run.step) if run.analysis is not None else run.step
    between = Between(run.runtime.place())
    for batch in watch(run.data.train_batches(batch_size, seed), f"epoch {progress.epoch + 1}", steps):
        between.mark()
        means.add(step(batch))
        between.mark()
    terms = means.read()  # the one wait for the device
    seconds = time.perf_counter() - started
    progress.epoch += 1
    progress.steps += means.count
    progress.images += means.count * batch_size
    progress.seconds += seconds

    loss = sum(terms.values())
    if loss != loss or abs(loss) == float("inf"):
        raise Mistake(
            f"the loss is {loss} in epoch {progress.epoch}; lower recipe.lr (now {lr:g}) or a criterion's weight"
        )
    values = {"train/loss": loss, **{f"train/{name}": term for name, term in terms.items()}, "train/lr": lr}
    evaluation, arrays = None, None
    if progress.epoch % run.recipe.evaluate_every == 0 or progress.epoch == run.recipe.epochs:
        evaluation = evaluate(run.distiller.student, run.data, batch_size, run.runtime, watch)
        values |= {"test/top1": evaluation.top1, "test/top5": evaluation.top5}
        progress.last = {"epoch": progress.epoch, "top1": evaluation.top1, "top5": evaluation.top5}
        if not progress.best or progress.last["top1"] > progress.best["top1"]:
            progress.best = progress.last
    if run.analysis is not None:
        selection, arrays = run.analysis.tell(evaluation)
        values |= selection
    values |= run.cost.parts(progress.steps)
    for price, name in ((1, "cost/percent_of_kd"), (2, "cost/percent_of_kd_backward_2")):
        percent = run.cost.percent_of_kd(price)
        if percent is not None:
            values[name] = percent
    values |= {"time/epoch_seconds": seconds, "time/train_seconds": progress.seconds}
    values["time/waited_for_images_percent"] = 100 * between.seconds() / seconds
    values["time/images_per_second"] = means.count * batch_size / seconds
    return Record(progress.epoch, values, arrays)


def epoch_seed(seed: int, epoch: int) -> int:
    """One number for both, far apart for neighbours."""
    return (seed * 1_000_003 + epoch) * 2_654_435_761 % 2**63
