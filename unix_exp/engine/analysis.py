"""How a sampler selects, told beside a run without touching it.

Draws are counted where the sampler is called, so a new sampler or distiller is analysed without a line of its own. Now
and then a batch is looked at as the sampler finds it: how unsure both networks are of the images that it keeps and of
those that it leaves out, and how far these lie from their classes' centres.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.evaluate import Evaluation
from unix_exp.engine.runtime import Runtime
from unix_exp.samplers.uncertainty import entropy
from unix_exp.types import Batch, Dataset, Sampler, Scout, Terms

EVERY = 100  # steps: one batch in a hundred, shown to both networks once more, is about 1 % of the work


class Counted(nn.Module):
    """A sampler whose draws are counted: on the device, in place and in fixed shapes, so that a step still compiles."""

    draws: Tensor  # [M] of each training image in this epoch
    labels: Tensor  # [M] their classes, from the unmixed batches

    def __init__(self, sampler: Sampler, train_count: int) -> None:
        super().__init__()
        self.sampler = sampler
        for name in ("draws", "labels"):
            self.register_buffer(name, torch.zeros(train_count, dtype=torch.int64), persistent=False)

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        kept = self.sampler(batch, scout)
        self.labels.index_copy_(0, batch.index, batch.targets.argmax(dim=1))
        self.draws.index_add_(0, kept.index, torch.ones_like(kept.index))
        return kept


class Analysis:
    """Counts every draw of a run's sampler and looks at some of its batches; draws no chance, moves no statistics."""

    def __init__(
        self, distiller: Distiller, data: Dataset, runtime: Runtime, teacher_centres: Tensor | None = None
    ) -> None:
        self.networks = {"student": distiller.student}
        if distiller.teacher is not None:
            self.networks["teacher"] = distiller.teacher
        self.classes, self.runtime = len(data.classes), runtime
        self.centres: dict[str, Tensor] = {}  # by network, [C, D]
        if teacher_centres is not None:
            self.centres["teacher"] = teacher_centres.to(runtime.place())
        self.counted = Counted(distiller.sampler, data.train_count).to(runtime.place())
        distiller.sampler = self.counted
        self.sums: dict[str, Tensor] = {}  # a sum and of how many images, on the device until the epoch ends

    def around(self, step: Callable[[Batch], Terms]) -> Callable[[Batch], Terms]:
        """The steps of an epoch, with a look at the first batch and every hundredth after it."""
        numbers = count()

        def observed(batch: Batch) -> Terms:
            if next(numbers) % EVERY:
                return step(batch)
            seen = self.look(batch)  # before the update: with the weights that the sampler goes by
            before = self.counted.draws[batch.index]
            terms = step(batch)
            self.add(seen, kept=self.counted.draws[batch.index] > before)
            return terms

        return observed

    @torch.no_grad()
    def look(self, batch: Batch) -> dict[str, Tensor]:
        """What both networks make of each image, unmixed: [N] each."""
        labels, seen = batch.targets.argmax(dim=1), {}
        for name, network in self.networks.items():
            with evaluating(network), self.runtime.autocast():
                output = network(batch.images)
            seen[f"{name}_entropy"] = entropy(output.logits)
            if name in self.centres:
                seen[f"{name}_distance"] = (output.embedding.float() - self.centres[name][labels]).norm(dim=1)
        return seen

    def add(self, seen: dict[str, Tensor], kept: Tensor) -> None:
        for name, values in seen.items():
            for part, chosen in (("kept", kept), ("left_out", ~kept)):
                told = chosen & ~values.isnan()  # a class without test images has no centre
                some = torch.stack([values.where(told, 0).sum(), told.sum(dtype=values.dtype)])
                key = f"analysis/{name}_{part}"
                self.sums[key] = self.sums[key] + some if key in self.sums else some

    def tell(self, evaluation: Evaluation | None) -> tuple[dict[str, float], dict[str, list[Any]]]:
        """An epoch's means, and its arrays by class, read at once; the next epoch begins from nothing."""
        sums = torch.stack(list(self.sums.values())).tolist()
        means = {key: total / images for key, (total, images) in zip(self.sums, sums, strict=True) if images}
        drawn = self.counted.draws.new_zeros(self.classes).index_add_(0, self.counted.labels, self.counted.draws)
        arrays: dict[str, list[Any]] = {"drawn_per_class": drawn.tolist()}
        self.sums.clear()
        self.counted.draws.zero_()
        self.centres.pop("student", None)  # the student moves on: its centres serve for one epoch
        if evaluation is not None:
            arrays["accuracy_per_class"] = evaluation.top1_by_class
            self.centres["student"] = evaluation.centres
        return means, arrays

    def state(self) -> dict[str, Tensor]:
        """What the next epoch's look needs: a continued run tells the same."""
        return {name: centres for name, centres in self.centres.items() if name == "student"}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.centres |= {name: centres.to(self.runtime.place()) for name, centres in state.items()}


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode for a while; afterwards every part is in the mode that it was in, frozen ones too."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
