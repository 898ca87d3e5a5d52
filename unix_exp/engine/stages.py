"""Which stage an epoch belongs to, and what a sequence of stages must satisfy."""

from __future__ import annotations

from collections.abc import Sequence

from unix_exp.types import Mistake, Stage


def length(stages: Sequence[Stage]) -> int:
    """Epochs of the whole training."""
    return sum(stage.recipe.epochs for stage in stages)


def begins_in(stages: Sequence[Stage], epoch: int) -> tuple[Stage, int]:
    """The stage of an epoch, counted from 0, and the stage's own first epoch."""
    first = 0
    for stage in stages:
        if epoch < first + stage.recipe.epochs:
            return stage, first
        first += stage.recipe.epochs
    raise IndexError(f"epoch {epoch} of {first}")


def check(stages: Sequence[Stage]) -> None:
    names = [stage.name for stage in stages]
    if not names or len(set(names)) < len(names):
        raise Mistake(f"a method's stages are {names}; give one or more, each with a name of its own")
    if len({stage.recipe.batch for stage in stages}) > 1:
        raise Mistake("a method's stages differ in their batch; all stages share recipe.batch")
