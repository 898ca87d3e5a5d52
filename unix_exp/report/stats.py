"""Means with their spread, and whether two of them differ."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Summary(NamedTuple):
    """Mean and spread over some seeds."""

    mean: float
    std: float | None  # of the sample; None for one value
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary | None:
        if not values:
            return None
        return cls(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))

    def __str__(self) -> str:
        spread = "" if self.std is None else f" ± {self.std:.2f}"
        return f"{self.mean:.2f}{spread} ({self.n})"


class Welch(NamedTuple):
    """Welch's t-test: two means with spreads of their own."""

    difference: float
    p: float  # two-sided
    interval: tuple[float, float]  # of 95 % confidence


def testable(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Whether both sides have several values, and one of them any spread."""
    return min(len(ours), len(theirs)) > 1 and bool(statistics.variance(ours) or statistics.variance(theirs))


def welch(ours: Sequence[float], theirs: Sequence[float]) -> Welch | None:
    """None where the two cannot be tested."""
    if not testable(ours, theirs):
        return None
    parts = [statistics.variance(values) / len(values) for values in (ours, theirs)]
    difference = statistics.fmean(ours) - statistics.fmean(theirs)
    t = difference / math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (ours, theirs), strict=True)
    )
    reach = student_t_quantile(0.05, freedom) * math.sqrt(sum(parts))
    return Welch(difference, student_t_tails(t, freedom), (difference - reach, difference + reach))


def student_t_tails(t: float, freedom: float) -> float:
    """The probability beyond +-t, by the regularised incomplete beta function."""
    return incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def student_t_quantile(tails: float, freedom: float) -> float:
    """The t beyond which, on both sides together, lies that probability; by halving."""
    low, high = 0.0, 1e6
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if student_t_tails(middle, freedom) > tails else (low, middle)
    return middle


def incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b) by its continued fraction, evaluated by Lentz's method; saves a dependency on SciPy."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the continued fraction converges fast on the other side
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 / nonzero(1 - (a + b) * x / (a + 1), tiny)
    fraction = d
    for m in range(1, 500):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / nonzero(1 + term * d, tiny)
            c = nonzero(1 + term / c, tiny)
            change = c * d
            fraction *= change
        if abs(change - 1) < 1e-12:
            break
    return front * fraction


def nonzero(value: float, least: float) -> float:
    return value if abs(value) > least else least
