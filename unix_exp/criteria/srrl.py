from __future__ import annotations

from typing import Annotated

from torch import Tensor, nn

from unix_exp.criteria.logits import precise
from unix_exp.criteria.maps import last_stages, shapes_of, squared
from unix_exp.ranges import Weight
from unix_exp.registry import criteria
from unix_exp.types import Batch, Classify, Facts, Mistake, Output


@criteria.register("srrl")
class SRRL(nn.Module):
    """Match the teacher's embedding, and what the teacher's own classifier says of the student's.

    The student's last stage is brought to the width of the teacher's embedding by a 1x1 convolution with batch norm
    and ReLU, and averaged over positions: its mean squared difference to the embedding, plus w_regression times that
    of its logits to the teacher's (Yang, Martinez, Bulat and Tzimiropoulos 2021).
    """

    needs_teacher = True

    def __init__(
        self,
        facts: Facts,
        w_regression: Annotated[Weight, "weight of what the teacher's classifier says, beside the embedding's 1"] = 1.0,
    ) -> None:
        super().__init__()
        student, teacher = shapes_of("srrl", facts)
        (ours, _), leaving = last_stages("srrl", student, student), teacher.embedding.shape[1]
        convolution = nn.Conv2d(ours.shape[1], leaving, 1, bias=False)
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        self.connector = nn.Sequential(convolution, nn.BatchNorm2d(leaving), nn.ReLU())
        self.w_regression = w_regression
        self.teacher_classifier: Classify | None = None  # a method that has a frozen teacher sets it

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        if self.teacher_classifier is None:
            raise Mistake(
                "criterion 'srrl' asks the classifier of a frozen teacher, and this method has none; choose another "
                "distiller, or set its teacher_classifier"
            )
        ours, _ = last_stages("srrl", student, student)
        embedding = self.connector(ours).mean((2, 3))
        said = precise(self.teacher_classifier(embedding))
        regression = squared(said, precise(teacher.logits))
        return squared(embedding, precise(teacher.embedding)) + self.w_regression * regression
