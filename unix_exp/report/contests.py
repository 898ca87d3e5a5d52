"""Contests: one KD and what is held against it. The answer of a report is that of the contest that tells most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unix_exp.report import against
from unix_exp.report.arms import Arm, Group, by_length
from unix_exp.report.stats import testable


@dataclass(frozen=True)
class Contest:
    """Arms that differ from one KD in nothing but the method, on one pair and schedule; all arms without a KD."""

    group: Group
    kd: Arm | None
    held: tuple[Arm, ...]  # against it

    @property
    def others(self) -> list[Arm]:
        """The methods beside KD, the best first."""
        return ranked(arm for arm in self.held if arm.taught)

    @property
    def alone(self) -> Arm | None:
        """The student alone, as it is best: held against KD, or trained as long."""
        found = [arm for arm in self.held if not arm.taught] or [arm for arm in self.group.arms if not arm.taught]
        return max(found, key=lambda arm: arm.top1.mean, default=None)

    @property
    def arms(self) -> list[Arm]:
        """All of it, the best first."""
        return ranked([*filter(None, [self.kd, self.alone]), *self.others])

    @property
    def weight(self) -> tuple[int, int, int, float]:
        """How much it tells: comparisons with an interval, comparisons, runs, and how well its KD was tuned."""
        tested = [arm for arm in self.others if self.kd and testable(arm.accuracies, self.kd.accuracies)]
        compared = len(self.others) if self.kd else 0
        return len(tested), compared, sum(len(arm.runs) for arm in self.arms), self.kd.top1.mean if self.kd else 0.0


def ranked(arms: Iterable[Arm]) -> list[Arm]:
    return sorted(arms, key=lambda arm: (-arm.top1.mean, arm.label))


def contests(found: Sequence[Group]) -> list[Contest]:
    """Of all groups, by schedule; the one that tells most comes first."""
    made = []
    for group in (one for each in found for one in by_length(each)):
        held: dict[str, list[Arm]] = {arm.label: [] for arm in group.arms if arm.conventional}
        for arm, other in against.pairs(group):
            if other.label in held and not arm.conventional:
                held[other.label].append(arm)
        made += [Contest(group, arm, tuple(held[arm.label])) for arm in group.arms if arm.label in held]
        if not held:
            made.append(Contest(group, None, group.arms))
    return sorted(made, key=lambda one: one.weight, reverse=True)
