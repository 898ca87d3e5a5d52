from __future__ import annotations

from typing import Annotated

from torch import Tensor
from torch.linalg import vector_norm

from unix_exp.criteria.logits import Temperature, precise
from unix_exp.ranges import Weight
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output


@criteria.register("dist")
class DIST:
    """Agree with the teacher's relations, not its values: tau^2 (1 - Pearson's correlation) of the predictions.

    beta times over the classes of each image, plus gamma times over the images of the batch for each class (Huang,
    You, Wang, Qian and Xu 2022, arXiv 2205.10536).
    """

    needs_teacher = True

    def __init__(
        self,
        beta: Annotated[Weight, "weight of the relations between the classes of an image"] = 1.0,
        gamma: Annotated[Weight, "weight of the relations between the images of a batch"] = 1.0,
        tau: Temperature = 1.0,
    ) -> None:
        self.beta, self.gamma, self.tau = beta, gamma, tau

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        mine, theirs = ((precise(one.logits) / self.tau).softmax(dim=1) for one in (student, teacher))
        of_images, of_classes = 1 - correlation(mine, theirs), 1 - correlation(mine.T, theirs.T)
        return self.tau**2 * (self.beta * of_images.mean() + self.gamma * of_classes.mean())


def correlation(student: Tensor, teacher: Tensor) -> Tensor:
    """Pearson's, of every row; 0 where a row is constant, such as a class that nobody predicts."""
    mine, theirs = (one - one.mean(dim=1, keepdim=True) for one in (student, teacher))
    norms: Tensor = vector_norm(mine, dim=1) * vector_norm(theirs, dim=1)
    return (mine * theirs).sum(dim=1) / (norms + 1e-8)
