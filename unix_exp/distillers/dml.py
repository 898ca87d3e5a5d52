from __future__ import annotations

from typing import ClassVar

from unix_exp.distillers.distiller import Distiller, Kind, Parts, detached
from unix_exp.registry import distillers
from unix_exp.types import Batch, Losses


@distillers.register("dml")
class DML(Distiller):
    """Deep mutual learning: a student and a peer learn together, each with the other as its teacher.

    The criteria are applied twice, to the student beside the peer's prediction and to the peer beside the student's;
    no gradient goes through the one that teaches (Zhang, Xiang, Hospedales and Lu 2018, arXiv 1706.00384).
    """

    networks: ClassVar[dict[str, Kind]] = {"peer": "trained"}

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.train()

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        batch = self.sampler(batch, self.look)
        student, peer = self.study(batch), self.passes(self.get_submodule("peer"), batch.images)
        terms = self.criterion(student, detached(peer), batch)
        of_peer = self.criterion(peer, detached(student), batch)
        return Losses(terms | {f"peer_{name}": term for name, term in of_peer.items()}, batch.index)
