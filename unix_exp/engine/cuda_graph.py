"""The step as one CUDA graph: launched whole, where an eager step has the host launch thousands of kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.loop import Step
from unix_exp.engine.recording import Recording, record, unchanged
from unix_exp.engine.runtime import Runtime
from unix_exp.types import Batch, Terms
from unix_exp.words import first_line


class CapturedStep(Step):
    """A step recorded with its first batch and replayed for all of that shape; any other is done eagerly.

    Weights, momentum and learning rate must stay where they are from then on: load a checkpoint before the first step.
    """

    def __init__(
        self,
        distiller: Distiller,
        optimiser: torch.optim.Optimizer,
        runtime: Runtime,
        say: Callable[[str], None] = print,
    ) -> None:
        super().__init__(distiller, optimiser, runtime)
        self.say = say
        self.given: Batch | None = None  # where the recording reads: every batch is copied there
        self.recording: Recording[Terms] | None = None

    def __call__(self, batch: Batch) -> Terms:
        if self.given is None:
            self.given = Batch(*(tensor.clone() for tensor in batch))
            self.recording = self.recorded(self.given)
        if self.recording is None or shapes(batch) != shapes(self.given):
            return super().__call__(batch)
        for place, tensor in zip(self.given, batch, strict=True):
            place.copy_(tensor)
        self.recording.replay()
        return {name: term.clone() for name, term in self.recording.result.items()}  # the next replay writes over them

    def recorded(self, given: Batch) -> Recording[Terms] | None:
        """The step on these tensors; None where it can't be captured, which is said, and all is as before."""
        device = given.images.device
        keep_in_place(self.optimiser, device)
        try:
            with unchanged(self.written(), device):
                return record(partial(super().__call__, given), device)
        except RuntimeError as error:
            if self.runtime.capture is True:
                raise
            self.say(f"the step can't be captured, so it runs eagerly, which takes longer: {first_line(error)}")
            return None

    def written(self) -> list[Tensor]:
        """All that a step changes: the weights, what was counted and averaged, the momentum."""
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        # A teacher kept in inference mode has buffers that nobody may write to.
        buffers = [buffer for buffer in self.distiller.buffers() if not buffer.is_inference()]
        momenta = [kept for state in self.optimiser.state.values() for kept in state.values()]
        return [*weights, *buffers, *momenta]


def step_for(
    distiller: Distiller, optimiser: torch.optim.Optimizer, runtime: Runtime, say: Callable[[str], None] = print
) -> Step:
    """The fastest step that this place and the settings allow."""
    if runtime.captures:
        return CapturedStep(distiller, optimiser, runtime, say)
    return Step(distiller, optimiser, runtime)


def shapes(batch: Batch) -> list[torch.Size]:
    return [tensor.shape for tensor in batch]


def keep_in_place(optimiser: torch.optim.Optimizer, device: torch.device) -> None:
    """A recording repeats numbers and choices as they were; what is to change has to be a tensor that is there."""
    for group in optimiser.param_groups:
        group["lr"] = torch.full((), float(group["lr"]), device=device)
        if group["momentum"]:
            for weight in group["params"]:
                # SGD's first step would make the momentum out of nothing; out of zero comes the same.
                optimiser.state[weight].setdefault("momentum_buffer", torch.zeros_like(weight))
