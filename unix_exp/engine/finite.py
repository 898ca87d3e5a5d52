"""Whether losses and weights are still numbers, asked without making a step wait for the device."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.step import Means
from unix_exp.types import Mistake

EVERY = 100  # steps; a loss that is not finite is found within twice as many


class LossWatch:
    """Reads an epoch's running sums now and then: once a loss is not finite, its sum stays so.

    On a GPU the copy of the sums is read when the device has made it, which the host asks after every step.
    """

    def __init__(self, device: torch.device, epoch: int, lr: float, done: int = 0) -> None:
        self.on_gpu, self.device = device.type == "cuda", device
        self.epoch, self.lr = epoch, lr  # for the message; the epoch is counted from 1
        self.good = done  # steps that are known to be finite
        self.copied: tuple[int, list[str], Tensor, Any] | None = None  # steps, terms, their sums, when they are there

    def __call__(self, means: Means) -> None:
        if self.copied is not None and self.copied[3].query():
            steps, names, sums, _ = self.copied
            self.copied = None
            self.judge(dict(zip(names, sums.tolist(), strict=True)), steps)
        if means.count % EVERY or self.copied is not None:
            return
        names = [name for name in means.sums if name.startswith("train/")]
        sums = torch.stack([means.sums[name].float() for name in names])
        if self.on_gpu:
            there = torch.empty(sums.shape, dtype=sums.dtype, pin_memory=True)
            there.copy_(sums, non_blocking=True)
            event = torch.cuda.Event()
            event.record(torch.cuda.current_stream(self.device))
            self.copied = means.count, names, there, event
        else:
            self.judge(dict(zip(names, sums.tolist(), strict=True)), means.count)

    def judge(self, values: dict[str, float], steps: int) -> None:
        """Raise where a term is not finite after so many steps of the epoch."""
        wrong = {name.removeprefix("train/"): one for name, one in values.items() if name.startswith("train/")}
        wrong = {name: one for name, one in wrong.items() if not math.isfinite(one)}
        if wrong:
            name, value = next(iter(wrong.items()))
            term = f"its term {name} became so" if len(wrong) == 1 else f"its terms {', '.join(wrong)} became so"
            raise Mistake(
                f"the loss is {value} in epoch {self.epoch}: {term} in steps {self.good + 1} to {steps}; lower "
                f"recipe.lr (now {self.lr:g}) or a criterion's weight; the last checkpoint, if there is one, is kept"
            )
        self.good = steps


def check_state(method: Distiller, optimiser: torch.optim.Optimizer, epoch: int, steps: int, lr: float) -> None:
    """Refuse weights and momenta that are not finite: such a state is no checkpoint and no student."""
    named = [(name, one) for name, one in trained(method, optimiser) if one.is_floating_point() and one.numel()]
    # A sum is one pass without a copy, and no sum of finite numbers leaves this type.
    totals = torch.stack([one.detach().sum(dtype=torch.float64) for _, one in named]).tolist()
    wrong = [name for (name, _), total in zip(named, totals, strict=True) if not math.isfinite(total)]
    if wrong:
        others = f" and {len(wrong) - 1} more tensors are" if len(wrong) > 1 else " is"
        raise Mistake(
            f"{wrong[0]}{others} not finite after step {steps} of epoch {epoch}; lower recipe.lr (now {lr:g}) or a "
            "criterion's weight; the last checkpoint, if there is one, is kept"
        )


def trained(method: Distiller, optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """What the training changes: weights, what trained networks count of a batch, averages and momenta.

    A component's memory may hold NaN or infinity for images that it has not seen.
    """
    changing = {role for role in method.roles if role not in method.frozen or role in method.averages}
    names = {id(weight): name for name, weight in method.named_parameters()}
    for name, weight in method.named_parameters():
        if weight.requires_grad or name.partition(".")[0] in changing:
            yield name, weight
    for name, buffer in method.named_buffers():
        if name.partition(".")[0] in changing:
            yield name, buffer
    for owner, kept in optimiser.state.items():
        for name, value in kept.items():
            if isinstance(value, Tensor):
                yield f"{name} of {names.get(id(owner), 'a weight')}", value
