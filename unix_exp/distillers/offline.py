from __future__ import annotations

from typing import ClassVar

from unix_exp.distillers.distiller import Distiller, Parts
from unix_exp.registry import distillers
from unix_exp.types import Batch, Losses


@distillers.register("offline")
class Offline(Distiller):
    """Train on the outputs of a frozen teacher, with the images that the sampler makes of each batch."""

    in_names: ClassVar[bool] = False  # a run of it is called by its sampler and criteria

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.train()

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        batch = self.sampler(batch, self.look)
        teacher = self.ask(batch)
        return Losses(self.criterion(self.study(batch), teacher, batch), batch.index)
