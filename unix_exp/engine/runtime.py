"""The device a run trains on, and the precision it computes in."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from unix_exp.engine.cpu import computes_bf16, computes_int8, cpu_name, keep_freed_memory, without_slow_kernels
from unix_exp.engine.world import expected
from unix_exp.ranges import Count, Range, check_fields
from unix_exp.stopping import GRACE
from unix_exp.types import Mistake

DAY = 24 * 3600.0  # seconds
MOST_THREADS = 1024  # more than a machine has cores; OpenMP crashes where the system gives it no more

SECONDS_BETWEEN_CHECKPOINTS = 30.0  # on a GPU, where an epoch may take a second and writing a checkpoint a tenth of it


@dataclass(frozen=True)
class Runtime:
    """How the machine is used; of these settings only the precisions are part of a run's identity."""

    device: Annotated[str, "auto: a GPU if there is one; or cpu, cuda, cuda:N"] = "auto"
    precision: Annotated[
        Literal["float32", "bf16"], "what networks compute in; float32 uses TF32 where the GPU has it"
    ] = "float32"
    teacher_precision: Annotated[
        Literal["float32", "bf16", "int8"] | None, "what the teacher computes in; null: the same; int8: on a CPU alone"
    ] = None
    scout_precision: Annotated[
        Literal["float32", "bf16"] | None, "what the student's look before training computes in; null: the same"
    ] = None
    memory_format: Annotated[Literal["channels_last", "contiguous"], "how images lie in memory"] = "channels_last"
    compile: Annotated[bool, "compile the step with torch.compile"] = False
    capture: Annotated[
        Literal["auto", True, False], "the step as one CUDA graph; auto: on a GPU if possible; true: an error if not"
    ] = "auto"
    threads: Annotated[int, Range(1, MOST_THREADS), "of the CPU; null: all cores"] | None = None
    checkpoint_every: Annotated[
        Count | Literal["auto"], "save after every so many epochs; auto: every one on a CPU, every 30 seconds on a GPU"
    ] = "auto"
    checkpoint_minutes: Annotated[
        Annotated[float, Range(0, above=True)] | None, "save within a long epoch every so many minutes; null: never"
    ] = 10.0
    grace_seconds: Annotated[
        float, Range(0, DAY, above=True), "within how long after a signal to stop the run has saved and ended"
    ] = GRACE
    analysis: Annotated[bool, "record what the sampler keeps, by class; changes no result"] = True
    agreement: Annotated[bool, "measure how often student and teacher guess alike; changes no result"] = False
    sync_batch_norm: Annotated[bool, "of several processes (torchrun): batch norms see the whole batch"] = True

    def __post_init__(self) -> None:
        check_fields(self, "runtime.")
        kind = self.place().type  # a device that isn't there is found before anything is built
        if self.capture is True and kind != "cuda":
            raise Mistake(f"runtime.capture is true, which needs a GPU, but this runs on {kind}; choose auto or false")

        if self.teacher_precision == "int8" and (kind != "cpu" or not computes_int8()):
            where = f"this runs on {kind}" if kind != "cpu" else "this processor has none (VNNI, AMX)"
            raise Mistake(
                f"runtime.teacher_precision is int8, which needs a CPU with instructions for it, and {where}; "
                "choose float32 or bf16"
            )
        if expected() > 1 and (self.compile or self.capture is True):
            name = "compile" if self.compile else "capture"
            raise Mistake(f"runtime.{name} is true, which several processes cannot do; choose false, or one process")

    def place(self) -> torch.device:
        """The device, an automatic choice made."""
        if self.device == "auto":
            if expected() > 1 and torch.cuda.is_available():
                return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
        except RuntimeError:
            raise Mistake(f"runtime.device is {self.device!r}; choose auto, cpu, cuda or cuda:N") from None
        if device.type not in ("cpu", "cuda"):
            raise Mistake(f"runtime.device is {self.device!r}; choose auto, cpu, cuda or cuda:N")
        if device.type == "cuda":
            count = torch.cuda.device_count()
            if not count:
                raise Mistake(f"runtime.device is {self.device!r} but PyTorch finds no GPU here; choose auto or cpu")
            if device.index is not None and device.index >= count:
                raise Mistake(f"runtime.device is {self.device!r}; choose cuda:0 to cuda:{count - 1}")
        return device

    @property
    def precision_of_teacher(self) -> str:
        return self.teacher_precision or self.precision

    @property
    def captures(self) -> bool:
        """Whether the step is to be recorded as one CUDA graph."""
        return self.capture is not False and self.place().type == "cuda" and expected() == 1

    def settle(self) -> None:
        """Set what PyTorch keeps for the whole process."""
        torch.set_float32_matmul_precision("high")  # TF32 where the GPU has it
        torch.backends.cudnn.benchmark = True  # every step has the same shapes
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        device = self.place()
        if device.type == "cpu":
            keep_freed_memory()
        elif device.index is not None:
            torch.cuda.set_device(device)  # what names no device, such as synchronize(), means the current one

    @property
    def layout(self) -> torch.memory_format:
        return torch.channels_last if self.memory_format == "channels_last" else torch.contiguous_format

    def settled(self, network: nn.Module) -> nn.Module:
        """The network on the device, in the memory format and with the kernels that suit it."""
        network = network.to(self.place()).to(memory_format=self.layout)
        slow = self.place().type == "cpu" and self.precision == "bf16"
        return without_slow_kernels(network) if slow else network

    def batch_layout(self, images: Tensor) -> Tensor:
        """Images [N, 3, H, W] in the memory format of the weights, copied only where they are in another.

        Images in memory come as channels_last whatever is asked for, and a convolution follows its input: it would
        convert its weights in every call.
        """
        return images.contiguous(memory_format=self.layout)

    def checkpoint_is_due(self, epoch: int, seconds: float) -> bool:
        """Whether to save after this epoch, counted from 1, with so many seconds trained since the last checkpoint."""
        if self.checkpoint_every != "auto":
            return epoch % self.checkpoint_every == 0
        return self.place().type == "cpu" or seconds >= SECONDS_BETWEEN_CHECKPOINTS

    def autocast(self) -> AbstractContextManager[None]:
        return self._in(self.precision)

    def scouting(self) -> AbstractContextManager[None]:
        """The precision to scout in, for use inside `autocast`."""
        return self._in(self.scout_precision or self.precision)

    def _in(self, precision: str) -> AbstractContextManager[None]:
        # No cache: older PyTorch would train with the weights that it cast while scouting, without gradient.
        enabled = precision == "bf16"
        return torch.autocast(self.place().type, torch.bfloat16, enabled=enabled, cache_enabled=False)

    def remarks(self) -> list[str]:
        """What a user of these settings on this machine should know."""
        asked = "bf16" in (self.precision, self.precision_of_teacher, self.scout_precision)
        if asked and self.place().type == "cpu" and not computes_bf16():
            return ["this processor has no bf16 instructions: bf16 is emulated, and slower than float32"]
        return []

    def hardware(self) -> str:
        device = self.place()
        several = f"{expected()} x " if expected() > 1 else ""
        if device.type == "cuda":
            return several + torch.cuda.get_device_name(device)
        threads = torch.get_num_threads()
        return several + f"{cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"
