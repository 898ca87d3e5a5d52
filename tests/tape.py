"""A stand-in for the GPU's recording, which works on the CPU."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from unix_exp.engine.recording import Recording
from unix_exp.types import Losses


class Tape:
    """As a CUDA graph does: try, record, then do it again on the same tensors and into the same ones."""

    def __init__(self) -> None:
        self.replays = 0

    def __call__(self, work: partial[Losses], device: torch.device) -> Recording[Losses]:
        work()
        losses = work()
        step: Any = work.func.__self__  # type: ignore[attr-defined]  # the work is a method of the step
        groups = step.optimiser.param_groups
        frozen = [dict(group) for group in groups]  # a number is repeated as it was, a tensor is read anew

        def replay() -> None:
            self.replays += 1
            now = [dict(group) for group in groups]
            for group, then in zip(groups, frozen, strict=True):
                group.update(then)
            for there, new in zip(tensors_of(losses), tensors_of(work()), strict=True):
                there.copy_(new)
            for group, then in zip(groups, now, strict=True):
                group.update(then)

        return Recording(replay, losses)


def tensors_of(losses: Losses) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(losses) if isinstance(leaf, Tensor)]
