"""The smallest case that the bench can time."""

from __future__ import annotations

from unix_exp.bench import case

TINY = (
    "student=resnet8", "teacher=resnet14", "recipe.batch=16", "dataset=shapes", "dataset.train_count=96",
    "dataset.test_count=24", "runtime.device=cpu",
)  # fmt: skip


def loaded(*words: str) -> case.Case:
    made = case.read((*TINY, *words))
    made.data.load(made.runtime.place())
    return made
