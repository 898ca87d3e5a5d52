"""The step as one CUDA graph: launched whole, where an eager step has the host launch thousands of kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.recording import HOST_NUMBER, Recording, record, replay_equals_eager, unchanged
from unix_exp.engine.runtime import Runtime
from unix_exp.engine.step import Step
from unix_exp.engine.tally import Tally
from unix_exp.types import Batch, Losses
from unix_exp.words import first_line


class CapturedStep(Step):
    """A step recorded with its first batch and replayed for all of that shape; any other is done eagerly.

    Weights, momentum and learning rate must stay where they are from then on: load a checkpoint before the first step.
    """

    def __init__(
        self,
        method: Distiller,
        optimiser: torch.optim.Optimizer,
        runtime: Runtime,
        stage: str = "train",
        tally: Tally | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        super().__init__(method, optimiser, runtime, stage, tally)
        self.say = say
        self.given: Batch | None = None  # where the recording reads: every batch is copied there
        self.recording: Recording[Losses] | None = None
        self.compared = False

    def __call__(self, batch: Batch) -> Losses:
        batch = batch._replace(images=self.runtime.batch_layout(batch.images))  # outside the recording
        if self.given is None:
            self.given = tree_map_only(Tensor, torch.clone, batch)  # a batch may have no weights
            self.recording = self.recorded(self.given)
        elif not self.compared:
            self.compare(batch)  # the second batch: what the host draws anew for it is not in the recording
        if self.recording is None or shapes(batch) != shapes(self.given):
            return super().__call__(batch)
        self.read(batch)
        self.recording.replay()
        replayed: Losses = tree_map_only(Tensor, torch.clone, self.recording.result)  # the next replay writes over them
        return replayed

    def read(self, batch: Batch) -> None:
        assert self.given is not None
        for there, tensor in zip(tensors(self.given), tensors(batch), strict=True):
            there.copy_(tensor)

    def recorded(self, given: Batch) -> Recording[Losses] | None:
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

    def compare(self, batch: Batch) -> None:
        """Give the recording up where it repeats what an eager step would do anew."""
        self.compared = True
        if self.recording is None or self.given is None or shapes(batch) != shapes(self.given):
            return
        self.read(batch)
        eager = partial(super().__call__, self.given)
        if not replay_equals_eager(self.recording, eager, self.written(), batch.images.device):
            self.recording = None
            self.say(HOST_NUMBER)

    def written(self) -> list[Tensor]:
        """All that a step changes: the weights, what was counted and averaged, the momentum."""
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        # A teacher kept in inference mode has buffers that nobody may write to.
        modules = [self.method] if self.tally is None else [self.method, self.tally]
        buffers = [buffer for module in modules for buffer in module.buffers() if not buffer.is_inference()]
        averages = [weight for role in self.method.averages for weight in getattr(self.method, role).parameters()]
        momenta = [kept for state in self.optimiser.state.values() for kept in state.values()]
        return [*weights, *averages, *buffers, *momenta]


def step_for(
    method: Distiller,
    optimiser: torch.optim.Optimizer,
    runtime: Runtime,
    stage: str = "train",
    tally: Tally | None = None,
    say: Callable[[str], None] = print,
) -> Step:
    """The fastest step that this device and the settings allow."""
    if runtime.captures:
        return CapturedStep(method, optimiser, runtime, stage, tally, say)
    return Step(method, optimiser, runtime, stage, tally)


def tensors(batch: Batch) -> list[Tensor]:
    """A batch's tensors, those of the answers too; it may have no weights and no answers."""
    return [one for one in tree_leaves(batch) if isinstance(one, Tensor)]


def shapes(batch: Batch) -> list[tuple[torch.Size, torch.dtype]]:
    return [(one.shape, one.dtype) for one in tensors(batch)]


def keep_in_place(optimiser: torch.optim.Optimizer, device: torch.device) -> None:
    """A recording repeats numbers and choices as they were; what is to change has to be a tensor that is there."""
    for group in optimiser.param_groups:
        group["lr"] = torch.full((), float(group["lr"]), device=device)
