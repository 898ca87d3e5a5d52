from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from unix_exp.criteria.logits import Temperature, precise
from unix_exp.distillers.distiller import Kind, Parts
from unix_exp.distillers.offline import Offline
from unix_exp.distillers.unread import Unread
from unix_exp.ranges import Range
from unix_exp.registry import distillers
from unix_exp.types import Batch, Mistake, Output


@distillers.register("ensemble")
class Ensemble(Offline):
    """Several frozen teachers, whose answers are averaged (Hinton, Vinyals and Dean 2015, arXiv 1503.02531).

    The second teacher has the role teacher_2, and
    so on; one that is not chosen is the first one's architecture from another seed.
    """

    in_names: ClassVar[bool] = True
    like: ClassVar[str] = "teacher"

    def __init__(
        self,
        parts: Parts,
        teachers: Annotated[int, Range(2, 16), "how many"] = 2,
        mean: Annotated[
            Literal["predictions", "logits"], "what is averaged: their predictions, softened by tau, or their logits"
        ] = "predictions",
        tau: Temperature = 4.0,
    ) -> None:
        super().__init__(parts)
        self.teachers = ("teacher", *others(teachers))
        self.mean, self.tau = mean, tau
        self.unread: Any = Unread(
            Mistake("an ensemble answers with logits alone, and a criterion reads features; choose one on logits")
        )

    @classmethod
    def further(cls, settings: Mapping[str, Any]) -> dict[str, Kind]:
        return dict.fromkeys(others(settings["teachers"]), "frozen")

    @torch.no_grad()
    def ask(self, batch: Batch) -> Output:
        each = [self.passes(self.get_submodule(role), batch.images).logits for role in self.teachers]
        said = torch.stack([precise(logits) for logits in each])
        logits = said.mean(dim=0) if self.mean == "logits" else mean_of_predictions(said, self.tau)
        return self.told(batch, Output(logits, self.unread, self.unread))


def others(teachers: int) -> tuple[str, ...]:
    """The roles beside the first teacher."""
    return tuple(f"teacher_{number}" for number in range(2, teachers + 1))


def mean_of_predictions(said: Tensor, tau: float) -> Tensor:
    """Logits [N, C] whose softened predictions are the mean of those of `said` [teachers, N, C]."""
    return tau * (F.log_softmax(said / tau, dim=2).logsumexp(dim=0) - math.log(len(said)))
