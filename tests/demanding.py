"""A sampler and a method that use all that a component may: a plug-in for tests, not an example to follow."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.distillers.distiller import Distiller, Kind, Parts
from unix_exp.recipe import Recipe
from unix_exp.registry import distillers, samplers
from unix_exp.samplers.selection import how_many, take
from unix_exp.types import Batch, Facts, Losses, Output, Scout, Stage


@samplers.register("demanding")
class Demanding(nn.Module):
    """Leave out a quarter of an epoch's images, then of a batch; looks at two networks, weighs images, remembers."""

    networks: ClassVar[tuple[str, ...]] = ("holdout",)
    loss: Tensor  # [M]
    epochs: Tensor

    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.register_buffer("loss", torch.arange(facts.train_count) / facts.train_count)
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))

    def begin(self, epoch: int) -> Tensor | None:
        self.epochs += 1
        return None if epoch == 0 else self.loss.argsort(descending=True)[: 3 * len(self.loss) // 4]

    def forward(self, batch: Batch, scout: Scout) -> Batch:
        student, holdout = scout(batch.images, "eval"), scout(batch.images, who="holdout")
        apart = (student.logits.float() - holdout.logits.float()).square().mean(dim=1)
        rows = apart.argsort(descending=True)[: how_many(None, len(batch.images))]
        return take(batch._replace(weight=apart / apart.mean().clamp_min(1e-6)), rows)

    def learned(self, batch: Batch, student: Output) -> None:
        loss = F.cross_entropy(student.logits.float(), batch.targets, reduction="none")
        self.loss.index_copy_(0, batch.index, loss / self.epochs)


@distillers.register("demanding")
class Demand(Distiller):
    """A student, a trained peer, a teacher and heads; the second stage adds the peer, more of it in every epoch."""

    networks: ClassVar[dict[str, Kind]] = {"teacher": "frozen", "peer": "trained"}

    def __init__(self, parts: Parts, facts: Facts) -> None:
        super().__init__(parts)
        self.clock = facts.clock
        mine, other = (facts.shapes[role].stages[-1].shape[1] for role in ("student", "peer"))
        self.head = nn.Sequential(nn.Conv2d(mine, other, 1), nn.BatchNorm2d(other))
        self.centre: Tensor
        self.register_buffer("centre", torch.zeros(facts.classes))
        self.train()

    def stages(self, recipe: Recipe) -> tuple[Stage, ...]:
        return Stage("apart", recipe), Stage("together", recipe.but(epochs=1))

    def forward(self, batch: Batch, stage: str = "apart") -> Losses:
        batch = self.sampler(batch, self.look)
        teacher, student, peer = (
            self.ask(batch),
            self.study(batch),
            self.passes(self.get_submodule("peer"), batch.images),
        )
        terms = self.criterion(student, teacher, batch)
        per_image = F.cross_entropy(peer.logits.float(), batch.targets, reduction="none")
        terms["peer"] = per_image.mean()
        if stage == "together":
            gap = (self.head(student.stages[-1]).float() - peer.stages[-1].float().detach()).square().mean()
            terms["gap"] = (self.clock.epoch + 1) * gap
            with torch.no_grad():
                self.centre.lerp_(student.logits.float().mean(dim=0), 0.1)
        similar = torch.einsum("nc,mc->nm", student.logits.detach().float() - self.centre, peer.logits.float())
        return Losses(terms, batch.index, {"similar": similar.mean()}, {"peer_loss": per_image})
