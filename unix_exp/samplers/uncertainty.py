"""How unsure a network is of each image, from its logits; larger is less sure (Eqs. 4-6 of the UNIX paper)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeAlias

import torch.nn.functional as F
from torch import Tensor

Uncertainty: TypeAlias = Annotated[
    Literal["entropy", "confidence", "margin"],
    "how sure the student is of an image: by the entropy of its prediction, its largest probability, or the margin to "
    "the second",
]
ScoutMode: TypeAlias = Annotated[
    Literal["train", "frozen", "eval"],
    "batch norms in the look before training; train: the batch's statistics, averaged too, as in the authors' "
    "code; frozen: the batch's, not averaged; eval: the averages",
]
ScoutAnyway: TypeAlias = Annotated[
    bool, "score every batch and throw the scores away, as the authors' code does, for an exact comparison"
]


def entropy(logits: Tensor) -> Tensor:
    log_p = F.log_softmax(logits.float(), dim=1)  # p * log(p) is NaN where p underflows, and NaN would rank first
    return -(log_p.exp() * log_p).sum(dim=1)


def confidence(logits: Tensor) -> Tensor:
    return -logits.float().softmax(dim=1).amax(dim=1)


def margin(logits: Tensor) -> Tensor:
    first, second = logits.float().softmax(dim=1).topk(2, dim=1).values.unbind(dim=1)
    return second - first


UNCERTAINTIES: dict[str, Callable[[Tensor], Tensor]] = {
    "entropy": entropy,
    "confidence": confidence,
    "margin": margin,
}
