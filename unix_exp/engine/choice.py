"""The images that a sampler chooses for an epoch, and the check that a continued run would choose alike."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import torch
from torch import Tensor, nn

from unix_exp.engine.randomness import set_seed
from unix_exp.types import Mistake, Sampler


class Choice:
    """Calls a sampler's `begin` between epochs, where waiting for the device is allowed.

    At the second call a copy that has the sampler's state and nothing else, as a continued run has, must choose alike.
    """

    def __init__(self, sampler: Sampler, train_count: int, batch: int) -> None:
        self.sampler, self.train_count, self.batch = sampler, train_count, batch
        self.chooses = hasattr(sampler, "begin")
        self.fresh = copy.deepcopy(sampler) if self.chooses else None
        self.calls = 0

    @torch.no_grad()
    def __call__(self, epoch: int, seed: int) -> Tensor | None:
        """The indices to train on in an epoch, counted from 0; None for all images."""
        if not self.chooses:
            return None
        self.calls += 1
        compared = self.calls == 2
        state = copy.deepcopy(self.sampler.state_dict()) if compared and isinstance(self.sampler, nn.Module) else {}
        only: Tensor | None = self.sampler.begin(epoch)  # type: ignore[attr-defined]
        if only is not None:
            self.check(only, epoch + 1)
        if compared:
            self.compare(only, state, epoch, seed)
        return only

    def check(self, only: Any, epoch: int) -> None:
        if not isinstance(only, Tensor) or only.dim() != 1 or only.dtype != torch.int64:
            found = f"{only.dtype} {list(only.shape)}" if isinstance(only, Tensor) else type(only).__name__
            raise Mistake(
                f"the sampler's begin returned {found} for epoch {epoch}; return the indices of the images to train "
                "on, a tensor [M] of int64 (of a mask: mask.nonzero().flatten()), or None for all"
            )
        if len(only) < self.batch:
            raise Mistake(f"the sampler chose {len(only)} images for epoch {epoch}; a batch needs {self.batch}")
        first, last, count = int(only.min()), int(only.max()), self.train_count
        if first < 0 or last >= count:
            raise Mistake(
                f"the sampler chose images {first} to {last} for epoch {epoch}; "
                f"the training images are 0 to {count - 1}"
            )

    def compare(self, only: Tensor | None, state: dict[str, Any], epoch: int, seed: int) -> None:
        fresh, self.fresh = self.fresh, None
        if isinstance(fresh, nn.Module):
            fresh.load_state_dict(state)
        devices = [only.device] if only is not None and only.is_cuda else []
        with torch.random.fork_rng(devices):
            set_seed(seed)
            again = fresh.begin(epoch)  # type: ignore[union-attr]
        for name, value in vars(self.sampler).items():
            if not isinstance(value, nn.Module) and not same(value, vars(fresh).get(name)):
                raise Mistake(
                    f"sampler changes '{name}' in begin but does not keep it in its state, so a continued run would "
                    f"lose it; make it a tensor of an nn.Module: self.register_buffer('{name}', ...), changed in place"
                )
        if not same(only, again):
            raise Mistake(
                f"the sampler's begin would choose other images for epoch {epoch + 1} in a continued run; all that it "
                "chooses by must be in its state, and random numbers must come from torch"
            )


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) or isinstance(other, Tensor):
        alike = isinstance(one, Tensor) and isinstance(other, Tensor) and one.shape == other.shape
        return alike and bool(torch.equal(one.nan_to_num(), other.nan_to_num()))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if callable(one):
        return True
    try:
        return one is other or pickle.dumps(one) == pickle.dumps(other)
    except Exception:  # a file or a lock, which a copy has too
        return True
