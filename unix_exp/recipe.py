"""How long and how fast a network learns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from unix_exp.ranges import Count, Number, Range, Share, check_fields
from unix_exp.types import Mistake
from unix_exp.words import counted


@dataclass(frozen=True)
class Recipe:
    """Epochs, batch, schedule and the choice of an optimiser; a milestone below 1 is a fraction of the epochs."""

    epochs: Annotated[int, Range(1, 1_000_000), "how many times the training set is gone through"]
    batch: Annotated[int, Range(1, 1_000_000), "images drawn for a step, of which a sampler may keep fewer"]
    lr: Annotated[float, Range(0, 1000, above=True), "the learning rate, before the schedule lowers it"]
    milestones: Annotated[
        list[Annotated[float, Range(0, above=True)]],
        "when steps lowers the learning rate: below 1 shares of the epochs, from 1 on epochs",
    ]
    gamma: Annotated[Share, "what the learning rate is multiplied by at each milestone"] = 0.1
    schedule: Annotated[Literal["steps", "cosine"], "how the learning rate falls: at milestones, or along a cosine"] = (
        "steps"
    )
    warmup_epochs: Annotated[Number, "epochs in which the learning rate rises from near 0"] = 0
    optimiser: Annotated[str | None, "by name, such as sgd or adamw; null: the usual one"] = None
    weight_decay: Annotated[Share, "how fast weights shrink beside the gradient"] = 5e-4
    decay_norms: Annotated[bool, "norms and biases, the weights of one dimension, decay too"] = True
    freeze_batch_norm: Annotated[
        bool, "batch norms of networks that come with trained weights keep their statistics"
    ] = False
    fine_tuning: Annotated[bool, "the recipe is meant for weights that are trained already; changes no result"] = False
    evaluate_every: Annotated[Count, "test after every so many epochs, and after the last"] = 1
    options: Mapping[str, Any] = field(default_factory=dict)  # settings of optimisers, by name; flat in a configuration

    def __post_init__(self) -> None:
        check_fields(self)
        if self.warmup_epochs >= self.epochs:
            raise Mistake(
                f"warmup_epochs is {self.warmup_epochs}; choose less than the {counted(self.epochs, 'epoch')}"
            )

    def lr_at(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        if epoch < self.warmup_epochs:
            return self.lr * (epoch + 1) / (self.warmup_epochs + 1)
        if self.schedule == "cosine":
            done = (epoch - self.warmup_epochs) / max(1, self.epochs - self.warmup_epochs)
            return self.lr * (1 + math.cos(math.pi * done)) / 2
        passed = sum(epoch >= self._epoch_of(milestone) for milestone in self.milestones)
        return self.lr * self.gamma**passed

    def _epoch_of(self, milestone: float) -> int:
        return round(milestone * self.epochs) if milestone < 1 else round(milestone)

    def but(self, **changes: Any) -> Recipe:
        """The same with some settings changed, its optimiser's too: how a method makes the recipes of its stages."""
        own = {one.name for one in fields(self)}
        options = {**self.options, **{key: value for key, value in changes.items() if key not in own}}
        return replace(self, **{"options": options, **{key: one for key, one in changes.items() if key in own}})

    def shortened(self, epochs: int) -> Recipe:
        """The same in fewer epochs: warm-up and milestones in epochs keep their part of the whole."""
        part = epochs / self.epochs
        milestones = [one if one < 1 else max(1.0, round(one * part)) for one in self.milestones]
        return self.but(epochs=epochs, warmup_epochs=int(self.warmup_epochs * part), milestones=milestones)
