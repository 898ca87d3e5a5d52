"""Runs whose epoch was chosen on validation images: what tables say of them."""

from __future__ import annotations

from collections.abc import Iterable

from unix_exp.report.arms import Arm
from unix_exp.report.runs import Run

CHOSEN = (
    "The epoch is the best one on validation images, which were held out of the training images. Accuracies are of its "
    "weights on the test images, which were evaluated once; last and best are therefore the same."
)


def notes_on(runs: Iterable[Run]) -> list[str]:
    return [CHOSEN] if any(run.chose_on_validation for run in runs) else []


def notes_on_arms(arms: Iterable[Arm]) -> list[str]:
    return notes_on(run for arm in arms for run in arm.runs)
