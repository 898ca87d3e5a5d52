"""What a run spends: steps of each stage times their price, beside plain distillation over the whole schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple


class Images(NamedTuple):
    """How many images one step shows to whom."""

    given: int  # to the step
    scouted: int  # to the student, without gradient
    learned: int  # to the student, with gradient
    taught: int  # to the teacher


@dataclass(frozen=True)
class StepCost:
    """One step in GFLOPs by part, as counted; the backward pass is priced like the forward pass that it belongs to."""

    images: Images
    student: float  # GFLOPs of one image, forward
    teacher: float
    scout: float = 0.0  # the student without gradient
    teaching: float = 0.0  # the teacher
    forward: float = 0.0  # the student with gradient
    other: float = 0.0  # heads, adapters, losses and further networks, forward
    backward: float = 0.0  # of all that is trained, at the price of one forward pass
    plain_student: float | None = None  # of one image in the student without what the method adds to it, if it does
    plain_teacher: float | None = None  # of one whole image in the whole teacher, if it is asked for less

    @classmethod
    def of_images(cls, images: Images, student: float, teacher: float) -> StepCost:
        """Of a step that shows whole images to two networks and does nothing else."""
        learned = images.learned * student
        return cls(images, student, teacher, images.scouted * student, images.taught * teacher, learned, 0.0, learned)

    def total(self, backward_price: float = 1) -> float:
        return self.scout + self.teaching + self.forward + self.other + backward_price * self.backward

    def conventional(self, backward_price: float = 1) -> float:
        """Plain distillation: both networks see every image, and all of them are trained on."""
        student = self.student if self.plain_student is None else self.plain_student
        teacher = self.teacher if self.plain_teacher is None else self.plain_teacher
        return self.images.given * (teacher + (1 + backward_price) * student)

    def percent_of_kd(self, backward_price: float = 1) -> float | None:
        """Of a step of plain distillation; None where there is no teacher.

        The paper prices a backward pass at one forward pass; two is the usual estimate.
        """
        return 100 * self.total(backward_price) / self.conventional(backward_price) if self.teacher else None

    def parts(self, steps: int = 1) -> dict[str, float]:
        """The ledger of some steps, by the names that every log uses."""
        parts = {
            "cost/scout_gflops": steps * self.scout,
            "cost/teacher_gflops": steps * self.teaching,
            "cost/student_forward_gflops": steps * self.forward,
            "cost/backward_gflops": steps * self.backward,
            "cost/total_gflops": steps * self.total(),
            "cost/total_gflops_backward_2": steps * self.total(2),
        }
        return parts | ({"cost/other_gflops": steps * self.other} if self.other else {})


class StagePlan(NamedTuple):
    """A stage as it is planned: how long it is and what one of its steps costs."""

    epochs: int
    step: StepCost


class Storing(NamedTuple):
    """What it takes to store the teacher's answers to a view of all training images."""

    views: int  # that the whole run uses, in turn
    gflops: float  # of the teacher's look at one view
    at_once: bool = False  # whether every epoch may need every view

    def spent(self, epochs: int) -> float:
        """On the views that a run has used after so many epochs, whether it made them or found them."""
        return self.gflops * (self.views if self.at_once else min(epochs, self.views))


class Beforehand(NamedTuple):
    """What is paid before the run: training an assistant or a sampler's own network, fitting an early exit."""

    gflops: float
    gflops_backward_2: float  # a backward pass priced at two forward passes
    teacher: float  # GFLOPs of an image, forward, in the teacher of the plain distillation that a run is held against

    def spent(self, backward_price: float = 1) -> float:
        return self.gflops + (backward_price - 1) * (self.gflops_backward_2 - self.gflops)


@dataclass(frozen=True)
class Ledger:
    """What a whole run costs, from the price of a step in each of its stages."""

    stages: Mapping[str, StagePlan]
    recipe_epochs: int  # of plain distillation, which a run is held against
    steps_per_epoch: int
    unpriced: tuple[str, ...] = field(default=())  # operations that no rule prices
    storing: Storing | None = None  # of answers that are stored and not asked live
    shown: tuple[int, ...] | None = None  # steps of each epoch, where a sampler knows how many images it will choose
    at_most: bool = False  # whether a sampler chooses an epoch's images and can't say how many before the run
    beforehand: Beforehand | None = None

    @property
    def first(self) -> StepCost:
        return next(iter(self.stages.values())).step

    @property
    def epochs(self) -> int:
        """Of all stages together."""
        return sum(stage.epochs for stage in self.stages.values())

    def stored(self, epochs: int) -> float:
        return self.storing.spent(epochs) if self.storing is not None else 0.0

    def parts(self, steps: Mapping[str, int], epochs: int) -> dict[str, float]:
        """What some steps of each stage cost, added up, and the stored answers that so many epochs used."""
        total: dict[str, float] = {}
        for name, stage in self.stages.items():
            for part, gflops in stage.step.parts(steps.get(name, 0)).items():
                total[part] = total.get(part, 0.0) + gflops
        if self.storing is not None:
            stored = self.stored(epochs)
            total["cost/answers_gflops"] = stored
            for part in ("cost/total_gflops", "cost/total_gflops_backward_2"):
                total[part] += stored  # no backward pass goes through a teacher
        if self.beforehand is not None:
            total["cost/beforehand_gflops"] = self.beforehand.gflops
            total["cost/total_gflops"] += self.beforehand.spent()
            total["cost/total_gflops_backward_2"] += self.beforehand.spent(2)
        return total

    def total(self, steps: Mapping[str, int], epochs: int, backward_price: float = 1) -> float:
        trained = sum(steps.get(name, 0) * stage.step.total(backward_price) for name, stage in self.stages.items())
        return trained + self.stored(epochs) + (self.beforehand.spent(backward_price) if self.beforehand else 0.0)

    def conventional(self, backward_price: float = 1) -> float:
        """A step of plain distillation, by the teacher at the head of a chain."""
        step = self.first if self.beforehand is None else replace(self.first, plain_teacher=self.beforehand.teacher)
        return step.conventional(backward_price)

    def percent_of_kd(self, steps: Mapping[str, int], epochs: int, backward_price: float = 1) -> float | None:
        """After so many epochs, of plain distillation for as many; a whole run's, of the recipe's epochs."""
        if not self.first.teacher:
            return None
        # A run shorter than the recipe is held against the whole recipe, in proportion while it lasts.
        against = epochs * max(1.0, self.recipe_epochs / self.epochs)
        full = min(against, self.recipe_epochs) * self.steps_per_epoch * self.conventional(backward_price)
        return 100 * self.total(steps, epochs, backward_price) / full

    def planned(self) -> dict[str, int]:
        """The steps of the whole run; if every epoch sees every image, where a sampler has not said how many."""
        shown = iter(self.shown or (self.steps_per_epoch,) * self.epochs)
        return {name: sum(islice(shown, stage.epochs)) for name, stage in self.stages.items()}

    def planned_percent(self, backward_price: float = 1) -> float | None:
        return self.percent_of_kd(self.planned(), self.epochs, backward_price)
