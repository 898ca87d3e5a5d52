"""Outputs made of feature maps, criteria sized by them, and the golden values of maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unix_exp.distillers.clock import Clock
from unix_exp.registry import criteria
from unix_exp.types import Batch, Facts, Output

GOLDEN = {
    key: torch.from_numpy(np.asarray(value))
    for key, value in np.load(Path(__file__).parent / "golden" / "maps.npz").items()
}


def output(*maps: Tensor, stem: Tensor | None = None) -> Output:
    embedding = maps[-1].mean((2, 3))
    return Output(embedding, (maps[0] if stem is None else stem, *maps, embedding), embedding)


def made(name: str, student: Output, teacher: Output, epoch: int = 0, **settings: Any) -> Any:
    clock = Clock()
    clock.set(epoch)
    torch.manual_seed(0)
    facts = Facts(5, 64, 16, 12, 8, {"student": student, "teacher": teacher}, clock)
    criterion = criteria.make(name, settings, facts=facts)
    if name == "srrl":
        criterion.teacher_classifier = lambda embedding: 2 * embedding - embedding.flip(1)
    return criterion


def batch(rows: int) -> Batch:
    return Batch(torch.zeros(rows, 3, 4, 4), torch.zeros(rows, 5), torch.arange(rows))
