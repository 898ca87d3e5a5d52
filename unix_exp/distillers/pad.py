from __future__ import annotations

from typing import Annotated, Literal

import torch
from torch import nn

from unix_exp.criteria.weighted import mean_over_images
from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.distillers.pad_weighting import Hardest, LearnedVariance, Power, SharedVariance, Unweighted, distance
from unix_exp.ranges import Range, Weight
from unix_exp.recipe import Recipe
from unix_exp.registry import distillers
from unix_exp.types import Batch, Facts, Losses, Mistake, Stage

WARM_UP, WEIGHTED = "warm up", "weighted"

Weighting = Annotated[
    Literal["learned", "uniform", "none", "ohem", "focal", "inverse_focal"],
    "how the second stage weighs images: by a learned variance; controls: one variance for all, none, the hardest "
    "alone, a power of the distance",
]


@distillers.register("pad")
class Pad(Distiller):
    """Match the teacher's embedding, then once more with each image weighted (Zhang et al. 2020, arXiv 2008.01458)."""

    def __init__(
        self,
        parts: Parts,
        facts: Facts,
        beta: Annotated[Weight, "weight of the distance to the teacher's embedding"] = 15.0,
        weighting: Weighting = "learned",
        keep: Annotated[float, Range(0, 1, above=True), "of ohem: the share of a batch's images that counts"] = 0.5,
        gamma: Annotated[float, Range(0, 1000), "of focal and inverse_focal: the power of the distance"] = 1.0,
        epochs: Annotated[int | None, "how long the weighted stage is; null: a third of the recipe's epochs"] = None,
        lr: Annotated[float | None, "its learning rate; null: a hundredth of the recipe's"] = None,
    ) -> None:
        super().__init__(parts)
        self.beta, self.epochs, self.lr = beta, epochs, lr
        mine, theirs = (facts.shapes[role].embedding.shape[1] for role in ("student", "teacher"))
        self.adapter = nn.Identity() if mine == theirs else nn.Linear(mine, theirs)
        self.weighting: nn.Module = {
            "learned": lambda: LearnedVariance(theirs),
            "uniform": lambda: SharedVariance(theirs),
            "none": lambda: Unweighted(beta),
            "ohem": lambda: Hardest(beta, keep),
            "focal": lambda: Power(beta, gamma),
            "inverse_focal": lambda: Power(beta, -gamma),
        }[weighting]()
        self.train()

    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        """The recipe, then some epochs at a low and constant learning rate."""
        changes = {
            "epochs": max(1, round(recipe.epochs / 3)) if self.epochs is None else self.epochs,
            "lr": recipe.lr / 100 if self.lr is None else self.lr,
        }
        try:
            weighted = recipe.but(**changes, schedule="steps", milestones=[], warmup_epochs=0)
        except Mistake as mistake:
            raise Mistake(f"distiller.{mistake}") from None
        return Stage(WARM_UP, recipe), Stage(WEIGHTED, weighted)

    def forward(self, batch: Batch, stage: str = WARM_UP) -> Losses:
        batch = self.sampler(batch, self.look)
        teacher, student = self.ask(batch), self.study(batch)
        assert teacher is not None
        terms = self.criterion(student, teacher, batch)
        # In float32 whatever the networks' precision, like the criteria.
        with torch.autocast("cuda" if student.logits.is_cuda else "cpu", enabled=False):
            mine, theirs = self.adapter(student.embedding.float()), teacher.embedding.float()
            apart = distance(mine, theirs)
            values = {"pad_distance": apart.mean()}
            if stage == WARM_UP:
                return Losses(terms | {"pad_l2": self.beta * mean_over_images("l2", apart, batch)}, batch.index, values)
            loss, weight = self.weighting(mine, theirs)
        return Losses(
            terms | {"pad": mean_over_images("pad", loss, batch)},
            batch.index,
            values | {"pad_weight": weight.mean()},
            {"pad_weight": weight} if self.weighting.tells_apart else {},
        )
