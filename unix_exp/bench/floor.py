"""The floor: the time that a step's networks take when nothing else is done."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from unix_exp.bench.case import Case
from unix_exp.bench.ours import networks
from unix_exp.types import Output


class Floor:
    """Scout, teach, train: each network gets as many images as in a step, always the same; nothing is updated."""

    def __init__(self, case: Case, images: Tensor) -> None:
        counts = case.cost.images
        images = case.runtime.batch_layout(images)
        made = networks(case, case.settings)
        self.student, self.teacher = made["student"], made["teacher"]
        self.student.train()
        self.scouted = first(images, counts.scouted)
        self.taught = first(images, counts.taught)
        self.learned = first(images, counts.learned)
        self.runtime = case.runtime
        self.gradient = torch.randn(counts.learned, len(case.data.classes), device=images.device) / counts.learned
        self.ask_student = compiled(self.student, case.runtime.compile)
        self.ask_teacher = compiled(self.teacher, case.runtime.compile)

    def __call__(self) -> None:
        for weight in self.student.parameters():
            weight.grad = None
        with self.runtime.autocast():
            with torch.no_grad():
                if len(self.scouted):
                    with self.runtime.scouting():
                        self.ask_student(self.scouted)
                if len(self.taught):
                    self.ask_teacher(self.taught)
            logits = self.ask_student(self.learned).logits
        logits.backward(self.gradient.to(logits.dtype))


def first(images: Tensor, count: int) -> Tensor:
    return images[:count].clone(memory_format=torch.preserve_format)


def compiled(network: nn.Module, wanted: bool) -> Callable[[Tensor], Output]:
    return torch.compile(network, fullgraph=True) if wanted else network
