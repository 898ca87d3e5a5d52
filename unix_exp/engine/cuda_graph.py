"""The step as one CUDA graph: launched whole, where an eager step has the host launch thousands of kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map_only

from unix_exp.distillers.distiller import Distiller
from unix_exp.engine.optimiser_state import CAPTURABLE
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
        self.compared = self.begun = False

    def __call__(self, batch: Batch) -> Losses:
        batch = batch._replace(images=self.runtime.batch_layout(batch.images))  # outside the recording
        if not self.begun:
            self.begun = True
            if makes_state(self.optimiser):
                return super().__call__(batch)
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
        try:
            keep_in_place(self.optimiser, device)
            with unchanged(self.written(), device), options_unchanged(self.optimiser):
                return record(partial(super().__call__, given), device)
        except RuntimeError as error:
            if self.runtime.capture is True:
                raise
            capturable(self.optimiser, False)
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
        """All that a step changes: the weights, what was counted and averaged, the optimiser's state."""
        weights = [weight for group in self.optimiser.param_groups for weight in group["params"]]
        # A teacher kept in inference mode has buffers that nobody may write to.
        modules = [self.method] if self.tally is None else [self.method, self.tally]
        buffers = [buffer for module in modules for buffer in module.buffers() if not buffer.is_inference()]
        averages = [weight for role in self.method.averages for weight in getattr(self.method, role).parameters()]
        kept = [one for state in self.optimiser.state.values() for one in state.values() if isinstance(one, Tensor)]
        return [*weights, *averages, *buffers, *kept]


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


def makes_state(optimiser: torch.optim.Optimizer) -> bool:
    """Whether an optimiser will make its state in its first step: then that one is done eagerly, for good.

    A recording is tried before, and what is made in a trial could not be set back to nothing.
    """
    lacking = any(weight not in optimiser.state for group in optimiser.param_groups for weight in group["params"])
    if lacking:
        capturable(optimiser, True)  # so that it counts its steps on the device
    return lacking


def keep_in_place(optimiser: torch.optim.Optimizer, device: torch.device) -> None:
    """A recording repeats numbers and choices as they were; what is to change has to be a tensor that is there."""
    for group in optimiser.param_groups:
        group["lr"] = torch.full((), float(group["lr"]), device=device)
    capturable(optimiser, True)
    for weight, state in optimiser.state.items():
        for name, kept in state.items():
            if isinstance(kept, (int, float)) or (isinstance(kept, Tensor) and kept.device != weight.device):
                raise RuntimeError(f"the optimiser keeps {name} on the host")


def capturable(optimiser: torch.optim.Optimizer, yes: bool) -> None:
    """Tell PyTorch's optimisers that count their steps whether these will be recorded."""
    for group in optimiser.param_groups:
        if CAPTURABLE in group:
            group[CAPTURABLE] = yes
    optimiser._warned_capturable_if_run_uncaptured = True  # its trials are not recorded


@contextmanager
def options_unchanged(optimiser: torch.optim.Optimizer) -> Iterator[None]:
    """An error where a step counts in the optimiser's options: a recording would not."""
    before = [dict(group) for group in optimiser.param_groups]
    yield
    for was, group in zip(before, optimiser.param_groups, strict=True):
        changed = [name for name, value in was.items() if name != "params" and group[name] is not value]
        group.update(was)
        if changed:
            raise RuntimeError(f"the optimiser counts {changed[0]} on the host")
