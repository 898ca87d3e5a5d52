from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from torch import nn

from unix_exp.ranges import Count
from unix_exp.registry import probes
from unix_exp.types import Dataset


@probes.register("agreement")
class Agreement:
    """How often student and teacher predict the same class on the test set, right or wrong, in per cent."""

    networks: ClassVar[tuple[str, ...]] = ("student", "teacher")

    def __init__(self, batch: Annotated[Count, "images in a pass; changes no result"] = 250) -> None:
        self.batch = batch

    @torch.no_grad()
    def __call__(self, networks: Mapping[str, nn.Module], data: Dataset) -> Mapping[str, Any]:
        same = student_right = teacher_right = torch.zeros((), dtype=torch.int64)
        for images, labels in data.test_batches(self.batch):
            student, teacher = (networks[role](images).logits.argmax(dim=1) for role in self.networks)
            same = same + (student == teacher).sum()
            student_right = student_right + (student == labels).sum()
            teacher_right = teacher_right + (teacher == labels).sum()
        percent = {"agreement": same, "student_top1": student_right, "teacher_top1": teacher_right}
        return {name: 100 * float(count) / data.test_count for name, count in percent.items()}
