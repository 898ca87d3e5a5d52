"""What a step costs, counted and not declared: the only module that counts.

One step of the distiller runs on a copy without data (the meta device), hooks count the images that each network saw,
and fvcore prices an image. A new method is priced right without a line of its own. One FLOP is one multiply-add, as in
fvcore and in the paper.
"""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from unix_exp.distillers.distiller import Distiller
from unix_exp.types import Batch


class Images(NamedTuple):
    """How many images one step shows to whom."""

    given: int  # to the step
    scouted: int  # to the student, without gradient
    learned: int  # to the student, with gradient
    taught: int  # to the teacher


@dataclass(frozen=True)
class StepCost:
    """One step in GFLOPs by part, the backward pass priced like the forward one, as the paper does."""

    images: Images
    student: float  # GFLOPs of one image, forward
    teacher: float

    @property
    def scout(self) -> float:
        return self.images.scouted * self.student

    @property
    def teaching(self) -> float:
        return self.images.taught * self.teacher

    @property
    def forward(self) -> float:
        return self.images.learned * self.student

    @property
    def backward(self) -> float:
        return self.images.learned * self.student

    def total(self, backward_price: float = 1) -> float:
        return self.scout + self.teaching + self.forward + backward_price * self.backward

    def percent_of_kd(self, backward_price: float = 1) -> float | None:
        """Against conventional distillation, where both networks see every image; None where there is no teacher.

        The paper prices a backward pass at one forward pass; two is the usual estimate.
        """
        if not self.teacher:
            return None
        conventional = self.images.given * (self.teacher + (1 + backward_price) * self.student)
        return 100 * self.total(backward_price) / conventional

    def parts(self, steps: int = 1) -> dict[str, float]:
        """The ledger of some steps, by the names that every log uses."""
        return {
            "cost/scout_gflops": steps * self.scout,
            "cost/teacher_gflops": steps * self.teaching,
            "cost/student_forward_gflops": steps * self.forward,
            "cost/backward_gflops": steps * self.backward,
            "cost/total_gflops": steps * self.total(),
            "cost/total_gflops_backward_2": steps * self.total(2),
        }


def price(distiller: Distiller, batch_size: int, classes: int, size: int) -> StepCost:
    """Count and price one step; a step that can't work (k above the batch, stages that don't align) fails here."""
    return StepCost(
        images=count(distiller, batch_size, classes, size),
        student=gflops(distiller.student, size),
        teacher=gflops(distiller.teacher, size) if distiller.teacher is not None else 0.0,
    )


def count(distiller: Distiller, batch_size: int, classes: int, size: int) -> Images:
    shadow = copy.deepcopy(distiller).to("meta")
    seen = {"scouted": 0, "learned": 0, "taught": 0}

    def look_at_student(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        seen["learned" if torch.is_grad_enabled() else "scouted"] += len(arguments[0])

    def look_at_teacher(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        seen["taught"] += len(arguments[0])

    shadow.student.register_forward_pre_hook(look_at_student)
    if shadow.teacher is not None:
        shadow.teacher.register_forward_pre_hook(look_at_teacher)
    shadow(
        Batch(
            images=torch.empty(batch_size, 3, size, size, device="meta"),
            targets=torch.empty(batch_size, classes, device="meta"),
            index=torch.empty(batch_size, dtype=torch.int64, device="meta"),
        )
    )
    return Images(given=batch_size, **seen)


def gflops(network: nn.Module, size: int) -> float:
    """GFLOPs of one image, forward; on a copy, because counting in train mode moves batch-norm statistics."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's own deprecation, and its remarks on shapes in Python
        from fvcore.nn import FlopCountAnalysis

        shadow = LogitsOnly(copy.deepcopy(network).cpu()).eval()  # the tracer can't follow the meta device
        counter = FlopCountAnalysis(shadow, torch.zeros(1, 3, size, size))
        counter.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        return counter.total() / 1e9


class LogitsOnly(nn.Module):
    """fvcore traces plain tensors."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images).logits
