"""What a step costs, counted and not declared.

One step of the distiller runs on a copy without data (the meta device), where the images that each network sees and
the operations that are executed are counted. A new method is priced right without a line of its own. One FLOP is one
multiply-add, as in fvcore and in the paper.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from unix_exp.cost.network import macs_of
from unix_exp.cost.operations import Operations
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
    networks = {"student": shadow.student, "teacher": shadow.teacher}
    with Operations({role: network for role, network in networks.items() if network is not None}) as counted:
        shadow(
            Batch(
                images=torch.empty(batch_size, 3, size, size, device="meta"),
                targets=torch.empty(batch_size, classes, device="meta"),
                index=torch.empty(batch_size, dtype=torch.int64, device="meta"),
            )
        )
    return Images(
        given=batch_size,
        scouted=counted.seen("student", with_gradient=False),
        learned=counted.seen("student", with_gradient=True),
        taught=counted.seen("teacher"),
    )


def gflops(network: nn.Module, size: int) -> float:
    """GFLOPs of one image, forward."""
    return macs_of(network, size).total() / 1e9
