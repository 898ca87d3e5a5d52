from __future__ import annotations

from typing import ClassVar

from unix_exp.distillers.distiller import Distiller, Kind, Parts
from unix_exp.registry import distillers
from unix_exp.types import Batch, Losses, Mistake


@distillers.register("supervised")
class Supervised(Distiller):
    """Train on the labels only: how teachers are trained, and students from scratch."""

    networks: ClassVar[dict[str, Kind]] = {}

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        if parts.criterion.needs_teacher:
            raise Mistake("distiller 'supervised' has no teacher to compare with; choose criterion=ce")
        self.train()

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        batch = self.sampler(batch, self.look)
        return Losses(self.criterion(self.study(batch), None, batch), batch.index)
