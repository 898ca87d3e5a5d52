"""What a sampler keeps, recorded beside a run without changing it.

The images that were trained on are counted after each step, so a new sampler or method needs no code to be analysed.
Some batches are also measured before the step: how unsure the networks are of the images that the sampler keeps and of
those that it leaves out, and how far these are from the centres of their classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.alike import alike, all_alike
from unix_exp.engine.evaluate import Evaluation
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.tally import Tally
from unix_exp.samplers.uncertainty import entropy
from unix_exp.types import Batch, Dataset, Losses

EVERY = 100  # steps: one batch in a hundred, shown to the networks once more, is about 1 % of the work
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)  # of values per image, in the record of every epoch


class Analysis:
    """Counts what a run's sampler keeps and measures some batches; draws no random numbers and moves no statistics."""

    def __init__(
        self,
        method: Distiller,
        data: Dataset,
        runtime: Runtime,
        teacher_centres: Tensor | None = None,
        per_image: Iterable[str] = (),
    ) -> None:
        self.networks = {role: getattr(method, role) for role in ("student", "teacher") if role in method.roles}
        self.classes, self.runtime = len(data.classes), runtime
        self.centres: dict[str, Tensor] = {}  # by network, [C, D]
        if teacher_centres is not None:
            self.centres["teacher"] = teacher_centres.to(runtime.place())
        self.tally = Tally(data.train_count, per_image).to(runtime.place())
        self.trained_on = torch.zeros_like(self.tally.draws)  # [M], how often each image was, in the epochs counted
        self.counted = 0  # epochs: all of the run's, unless it was begun without analysis or by an older version
        self.sums: dict[str, Tensor] = {}  # a sum and the number of images in it, on the device until the epoch ends

    def around(self, step: Callable[[Batch], Losses], done: int = 0) -> Callable[[Batch], Losses]:
        """The steps of an epoch after those that are done, the first batch and every hundredth being measured."""
        numbers = count(done)

        def observed(batch: Batch) -> Losses:
            if next(numbers) % EVERY:
                return step(batch)
            seen = self.look(batch)  # before the update, with the weights that the sampler uses
            before = self.tally.draws[batch.index]
            losses = step(batch)
            self.add(seen, kept=self.tally.draws[batch.index] > before)
            return losses

        return observed

    @torch.no_grad()
    def look(self, batch: Batch) -> dict[str, Tensor]:
        """Entropy and distance of each unmixed image, by network: [N] each."""
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
                known = chosen & ~values.isnan()  # a class without test images has no centre
                some = torch.stack([values.where(known, 0).sum(), known.sum(dtype=values.dtype)])
                key = f"analysis/{name}_{part}"
                self.sums[key] = self.sums[key] + some if key in self.sums else some

    def finish_epoch(self, evaluation: Evaluation | None) -> tuple[dict[str, float], dict[str, list[Any]]]:
        """An epoch's means, and its arrays by class, read at once; the next epoch begins from nothing."""
        # There are no sums where an epoch that was begun without analysis ends before a batch is measured.
        sums = torch.stack(list(self.sums.values())).tolist() if self.sums else []
        means = {key: total / images for key, (total, images) in zip(self.sums, sums, strict=True) if images}
        drawn = self.tally.draws.new_zeros(self.classes).index_add_(0, self.tally.labels, self.tally.draws)
        arrays: dict[str, list[Any]] = {"drawn_per_class": drawn.tolist()}
        for name, values in self.tally.values().items():
            known = values[~values.isnan()]
            if len(known):
                marks = torch.tensor(QUANTILES, device=known.device)
                arrays[f"quantiles_{name}"] = torch.quantile(known, marks).tolist()
        self.sums.clear()
        self.trained_on += self.tally.draws
        self.counted += 1
        self.tally.draws.zero_()
        self.centres.pop("student", None)  # the student changes: its centres are used for one epoch
        if evaluation is not None:
            arrays["accuracy_per_class"] = evaluation.top1_by_class
            self.centres["student"] = evaluation.centres
        return means, arrays

    def state(self) -> dict[str, dict[str, Tensor]]:
        """What the next epochs need, so that a continued run records the same."""
        student = {name: centres for name, centres in self.centres.items() if name == "student"}
        trained_on = {"times": self.trained_on.int(), "epochs": torch.tensor(self.counted)}
        return {"centres": student, "tally": self.tally.state_dict(), "trained_on": trained_on}

    def load_state(self, state: Mapping[str, Mapping[str, Tensor]]) -> None:
        for name, centres in state["centres"].items():
            width = centres.shape[-1] if centres.ndim == 2 else 0
            if name not in self.networks or not alike(centres, torch.empty(self.classes, width)):
                raise ValueError(f"its centres of {name} are of other classes")
        self.centres |= {name: centres.to(self.runtime.place()) for name, centres in state["centres"].items()}
        self.tally.load_state_dict(state["tally"])
        if (known := state.get("trained_on")) is not None:
            if not alike(known["times"], self.trained_on.int()):
                raise ValueError("it counts other images")
            self.trained_on.copy_(known["times"])
            self.counted = int(known["epochs"])

    def part(self) -> dict[str, dict[str, Tensor]]:
        """Beside its state, what is counted of an epoch in which a run is saved."""
        return {"sums": dict(self.sums), "counts": {"draws": self.tally.draws, "labels": self.tally.labels}}

    def load_part(self, part: Mapping[str, Mapping[str, Tensor]]) -> None:
        if not part:
            return  # of an older version, or of a run that was begun without analysis
        sums, counts = part["sums"], part["counts"]
        if not all_alike(counts, self.part()["counts"]) or not all_alike(sums, dict.fromkeys(sums, torch.empty(2))):
            raise ValueError("what it counts of a begun epoch is not whole")
        if not (counts["draws"] >= 0).all() or not ((counts["labels"] >= 0) & (counts["labels"] < self.classes)).all():
            raise ValueError("what it counts of a begun epoch is of other images")
        self.sums = {name: some.to(self.runtime.place()) for name, some in sums.items()}
        for name, values in counts.items():
            self.tally.get_buffer(name).copy_(values)  # in place: a recorded step writes there


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode for a while; afterwards every module is in the mode that it was in, frozen ones too."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
