"""The student's look at a batch before it learns from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


def scout(student: nn.Module, images: Tensor, mode: str) -> Tensor:
    """Logits without gradient; what batch norm does meanwhile changes results, so it is a choice.

    train   as the reference code: running statistics move here too, and end as half clean, half mixed images'
    frozen  the batch's own statistics, running ones untouched
    eval    the running statistics, untouched
    """
    with torch.no_grad(), batch_norms_set(student, mode):
        return student(images).logits


@contextmanager
def batch_norms_set(student: nn.Module, mode: str) -> Iterator[None]:
    if mode == "train":
        yield
        return
    if mode == "eval":
        student.eval()
        try:
            yield
        finally:
            student.train()
        return
    norms = [module for module in student.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
