from __future__ import annotations

from typing import ClassVar

from unix_exp.distillers.offline import Offline
from unix_exp.registry import distillers
from unix_exp.types import Batch, Losses


@distillers.register("clean_teacher")
class CleanTeacher(Offline):
    """The teacher sees the images as they are, before the sampler mixes them for the student.

    Its answers are selected and mixed like the images. Where answers are stored, plain distillation does the same.
    """

    in_names: ClassVar[bool] = True

    def forward(self, batch: Batch, stage: str = "train") -> Losses:
        return super().forward(batch._replace(answers=self.ask(batch)), stage)
