"""The cost columns of the paper's tables, counted on our networks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from unix_exp import paper
from unix_exp.cost.ledger import Images, StepCost
from unix_exp.cost.network import gflops
from unix_exp.cost.pricing import step_cost
from unix_exp.criteria.kd import KD
from unix_exp.criteria.weighted import Weighted
from unix_exp.distillers.distiller import Parts
from unix_exp.distillers.offline import Offline
from unix_exp.registry import models, samplers
from unix_exp.types import Batch, Output

CLASSES, SIZE = 100, 32  # CIFAR-100
TABLES = ("table1", "table2")  # the others repeat their columns


class Cell(NamedTuple):
    """One percentage of a table: ours beside the printed one."""

    table: str
    pair: str
    rho: float  # teacher's forward pass over the student's
    row: str
    printed: float
    counted: float  # backward priced like forward, as printed
    counted_backward_2: float


def cells() -> Iterator[Cell]:
    for name in TABLES:
        table = paper.tables()[name]
        for column, pair in enumerate(table["pairs"]):
            teacher, student = paper.split(pair)
            for row in table["rows"]:
                images = images_of(row["sampler"], row["k"], table["batch"])
                cost = StepCost.of_images(images, priced(student), priced(teacher))
                yield Cell(
                    name, pair, cost.teacher / cost.student, row["name"], row["compute"][column],
                    cost.percent_of_kd(1) or 0.0, cost.percent_of_kd(2) or 0.0,
                )  # fmt: skip


@cache
def images_of(name: str, k: int, batch: int) -> Images:
    """Counted by one step: how many images each network sees is the sampler's doing."""
    settings = {"k": k} if "k" in inspect.signature(samplers[name]).parameters else {}
    objective = Weighted({"loss": KD()}, {"loss": 1.0})
    networks = {"student": Constant(), "teacher": Constant()}
    method = Offline(Parts(networks, samplers.make(name, settings), objective)).to("meta")
    images = torch.empty(batch, 3, SIZE, SIZE, device="meta")
    targets, index = torch.empty(batch, CLASSES, device="meta"), torch.empty(batch, dtype=torch.int64, device="meta")
    cost, _, _ = step_cost(method, Batch(images, targets, index), "train", SIZE)
    return cost.images


class Constant(nn.Module):
    """The smallest network: the same answer to every image."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(CLASSES))

    def forward(self, images: Tensor) -> Output:
        logits = self.logits.expand(len(images), -1)
        return Output(logits, (logits,), logits)


@cache
def priced(name: str) -> float:
    with torch.device("meta"):  # counting needs no weights
        network = models.make(name, {}, num_classes=CLASSES)
    return gflops(network, SIZE)
