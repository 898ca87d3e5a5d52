from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unix_exp.probes.pictures import curves
from unix_exp.ranges import Count, Range
from unix_exp.registry import probes
from unix_exp.types import Dataset


@probes.register("calibration")
class Calibration:
    """How far the student's confidence is from how often it is right, on the test set (Guo et al. 2017).

    ece: expected calibration error, the mean distance of the two over bins of confidence, in per cent. top1 and
    confidence: their means, in per cent. nll: the mean negative log-likelihood of the labels.
    """

    def __init__(
        self,
        bins: Annotated[int, Range(1, 10_000), "into how many bins of confidence the images are sorted"] = 15,
        batch: Annotated[Count, "images in a pass; changes no result"] = 250,
    ) -> None:
        self.bins, self.batch = bins, batch

    @torch.no_grad()
    def __call__(self, networks: Mapping[str, nn.Module], data: Dataset) -> Mapping[str, Any]:
        answers = [
            (networks["student"](images).logits.float(), labels) for images, labels in data.test_batches(self.batch)
        ]
        logits, labels = (torch.cat(parts) for parts in zip(*answers, strict=True))
        confidence, predicted = logits.softmax(dim=1).max(dim=1)
        right = (predicted == labels).float()
        found = reliability(confidence, right, self.bins)
        known = [one for one in found if one.images]
        xs = [100 * one.confidence for one in known]
        return {
            "ece": 100 * expected_error(found),
            "top1": 100 * float(right.mean()),
            "confidence": 100 * float(confidence.mean()),
            "nll": float(F.cross_entropy(logits, labels)),
            "reliability": curves(
                "confidence, %",
                "accuracy, top-1 %; share of the images, %",
                {
                    "student": (xs, [100 * one.accuracy for one in known]),
                    "calibrated": ([0.0, 100.0], [0.0, 100.0]),
                    "share of the images": (xs, [100 * one.images / len(labels) for one in known]),  # few: a rough bin
                },
            ),
        }


class Bin(NamedTuple):
    """The images whose confidence lies in one of the equal parts of [0, 1]."""

    images: int
    confidence: float  # their means
    accuracy: float


def reliability(confidence: Tensor, right: Tensor, bins: int) -> list[Bin]:
    """Each part without its lower end and with its upper one."""
    number = (confidence.double() * bins).ceil().long().clamp(1, bins) - 1
    counts, sums, hits = (
        torch.zeros(bins, dtype=torch.float64, device=confidence.device).index_add_(0, number, value.double())
        for value in (torch.ones_like(confidence), confidence, right)
    )
    several = counts.clamp_min(1)
    means = zip(counts.tolist(), (sums / several).tolist(), (hits / several).tolist(), strict=True)
    return [Bin(int(count), mean, share) for count, mean, share in means]


def expected_error(bins: list[Bin]) -> float:
    """The mean distance of confidence and accuracy, each bin with its share of the images."""
    total = sum(one.images for one in bins)
    return sum(one.images / total * abs(one.confidence - one.accuracy) for one in bins)
