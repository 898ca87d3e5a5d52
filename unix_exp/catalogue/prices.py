"""What a step costs of the methods whose figures other papers print: counted here, and kept for the report.

The report reads a file, because it has to work where there is no PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from unix_exp import paper
from unix_exp.config import Settings
from unix_exp.cost.columns import SIZE, priced
from unix_exp.cost.on_meta import AtOnce
from unix_exp.cost.pricing import step_cost
from unix_exp.distillers.clock import Clock
from unix_exp.registry import criteria, datasets, models
from unix_exp.run.assemble import Shapes, assemble, facts_of
from unix_exp.types import Batch, Dataset, Mistake, Output

DATASET = "cifar100"
HEAD = """\
# What a step costs in per cent of one of conventional distillation, by criterion and pair, a backward pass priced
# like a forward pass; counted: `python -m unix_exp.catalogue --prices FILE` writes it anew.
"""


def write(target: Path) -> None:
    lines = []
    for name in wanted():
        lines += [f"{name}:", *(f"  {pair}: {cost:g}" for pair, cost in prices(name))]
    try:
        target.expanduser().write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise Mistake(f"cannot write to {target}: {error.strerror}; choose another file with --prices") from None


def kept(text: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = yaml.safe_load(text)
    return found


def wanted() -> list[str]:
    """The criteria that some printed figure is priced by, of those that there are."""
    rows = paper.published("field")[DATASET]["methods"].values()
    named = (row.get("as") or row["criterion"] for row in rows)
    return [name for name in dict.fromkeys(named) if name in criteria.names()]


def prices(criterion: str) -> Iterator[tuple[str, float]]:
    for pair in paper.published("field")[DATASET]["pairs"]:
        yield pair, round(percent(criterion, pair), 2)


def percent(criterion: str, pair: str) -> float:
    """Of a step on all images: networks by their own price, the loss by what it does with outputs of their shapes."""
    facts = paper.published("field")[DATASET]
    data: Dataset = datasets.make(DATASET, {})
    batch, epochs = facts["conventional"]["batch"], facts["conventional"]["epochs"]
    names = dict(zip(("teacher", "student"), paper.split(pair), strict=True))
    said = {role: said_by(name, batch) for role, name in names.items()}
    with AtOnce():
        networks = {role: Replay(output) for role, output in said.items()}
        known = facts_of(data, batch, epochs, said, Clock().to("meta"))
        method = assemble(alone(criterion), networks, known)
        images = torch.empty(batch, 3, SIZE, SIZE, device="meta")
        targets = torch.empty(batch, len(data.classes), device="meta")
        index = torch.empty(batch, dtype=torch.int64, device="meta")
        cost, _, _ = step_cost(method, Batch(images, targets, index), "train", SIZE)
    teacher, student = priced(names["teacher"]), priced(names["student"])
    whole = replace(
        cost, teacher=teacher, student=student, teaching=batch * teacher, forward=batch * student,
        backward=cost.backward + batch * student,
    )  # fmt: skip
    return whole.percent_of_kd() or 0.0


def alone(criterion: str) -> Settings:
    usual = paper.published()["conventional"]
    return {
        "seed": 0,
        "distiller": {"name": usual["distiller"]},
        "sampler": {"name": usual["sampler"]},
        "criterion": {criterion: {"weight": 1.0}},
    }


SAID: dict[tuple[str, int], Output] = {}


def said_by(name: str, batch: int) -> Output:
    """The shapes of a network's output."""
    if (name, batch) not in SAID:
        with torch.device("meta"), AtOnce():
            network = models.make(name, {}, num_classes=len(datasets.make(DATASET, {}).classes))
            SAID[name, batch] = Shapes({name: network}, batch, SIZE)[name]
    return SAID[name, batch]


class Replay(nn.Module):
    """Says of every batch something of these shapes, and computes nothing that costs."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), device="meta"))
        self.output = output

    def forward(self, images: Tensor) -> Any:
        return tree_map_only(Tensor, lambda one: one * self.weight, self.output)
