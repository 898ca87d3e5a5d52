"""How much each image's distance to the teacher counts: a learned variance, or a rule that reads the distance."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from unix_exp.types import Mistake

EPSILON = 1e-6  # beside the variance; of the ports one has 1e-5
SMALLEST = 1e-12  # a distance of zero has a logarithm too


class Weighed(NamedTuple):
    """The images of a batch, weighed against each other."""

    loss: Tensor  # [N]
    weight: Tensor  # [N], without gradient


class LearnedVariance(nn.Module):
    """A variance of each image and dimension, read from the student's embedding: what is uncertain counts less."""

    tells_apart = True  # whether images of a batch can have different weights

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(width, width), nn.BatchNorm1d(width)

    def forward(self, student: Tensor, teacher: Tensor) -> Weighed:
        if len(student) < 2:
            raise Mistake("PAD compares the variances of a batch's images; let the sampler keep two or more")
        return by_variance(student, teacher, self.norm(self.linear(student)))


class SharedVariance(nn.Module):
    """One learned variance of each dimension for all images: the same loss without telling images apart."""

    tells_apart = False

    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_variance = nn.Parameter(torch.zeros(width))

    def forward(self, student: Tensor, teacher: Tensor) -> Weighed:
        return by_variance(student, teacher, self.log_variance.expand_as(student))


class Unweighted(nn.Module):
    """The squared distance, every image alike."""

    tells_apart = False

    def __init__(self, beta: float) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, student: Tensor, teacher: Tensor) -> Weighed:
        apart = distance(student, teacher)
        return Weighed(self.beta * apart, self.weight(apart.detach()))

    def weight(self, apart: Tensor) -> Tensor:
        return torch.ones_like(apart)


class ByDistance(Unweighted):
    """The squared distance times a weight that depends on it; the weights of a batch have mean 1."""

    tells_apart = True

    def forward(self, student: Tensor, teacher: Tensor) -> Weighed:
        apart = distance(student, teacher)
        weight = self.weight(apart.detach())
        return Weighed(self.beta * weight * apart, weight)


class Hardest(ByDistance):
    """Online hard example mining: only the most distant images count."""

    def __init__(self, beta: float, keep: float) -> None:
        super().__init__(beta)
        self.keep = keep  # a share of the batch

    def weight(self, apart: Tensor) -> Tensor:
        count = max(1, int(self.keep * len(apart)))
        hardest = apart.topk(count).indices
        return torch.zeros_like(apart).index_fill(0, hardest, len(apart) / count)


class Power(ByDistance):
    """A power of the distance, as the focal loss does; a negative one prefers what is near."""

    def __init__(self, beta: float, gamma: float) -> None:
        super().__init__(beta)
        self.gamma = gamma

    def weight(self, apart: Tensor) -> Tensor:
        # The same as apart**gamma over its mean, and neither overflows nor divides by zero.
        return len(apart) * (self.gamma * (apart + SMALLEST).log()).softmax(dim=0)


def distance(student: Tensor, teacher: Tensor) -> Tensor:
    """[N], squared and averaged over the dimensions of the embedding."""
    return (teacher - student).square().mean(dim=1)


def by_variance(student: Tensor, teacher: Tensor, log_variance: Tensor) -> Weighed:
    """mean_d [(teacher - student)^2 / (exp(s) + epsilon) + s] of each image, and mean_d exp(-s)."""
    # 1 / (exp(s) + epsilon) as a sigmoid, which overflows for no s and whose gradient is never inf / inf.
    precision = (math.log(EPSILON) - log_variance).sigmoid() / EPSILON
    loss = ((teacher - student).square() * precision + log_variance).mean(dim=1)
    return Weighed(loss, (-log_variance.detach()).exp().mean(dim=1))
