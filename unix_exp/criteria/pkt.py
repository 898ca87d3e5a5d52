from __future__ import annotations

from torch import Tensor

from unix_exp.criteria.embeddings import both, unit
from unix_exp.registry import criteria
from unix_exp.types import Batch, Output

EPS = 1e-7


@criteria.register("pkt")
class PKT:
    """Probabilistic knowledge transfer: how likely any image of a batch is another's neighbour, as the teacher sees it.

    The cosines of the embeddings, brought to 0 to 1 and each row to the sum 1, are probabilities P [N, N]; the loss is
    the mean of P_T log(P_T / P_S) over the N^2 pairs (Passalis and Tefas 2018, arXiv 1803.10837).
    """

    needs_teacher = True

    def __call__(self, student: Output, teacher: Output, batch: Batch) -> Tensor:
        mine, theirs = map(neighbours, both(student, teacher))
        return (theirs * ((theirs + EPS) / (mine + EPS)).log()).mean()


def neighbours(embedding: Tensor) -> Tensor:
    """[N, N], each row a distribution over the images of the batch."""
    directions = unit(embedding, EPS)
    alike = ((directions @ directions.T + 1) / 2).clamp_min(0)  # rounding may take opposite ones below
    return alike / alike.sum(dim=1, keepdim=True)
