"""Where and in which arithmetic a run happens."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from unix_exp.engine.cpu import cpu_name, keep_freed_memory, without_slow_kernels
from unix_exp.types import Mistake


@dataclass(frozen=True)
class Runtime:
    """The machine's side of a run; of these only the precisions are part of a run's identity."""

    device: str = "auto"
    precision: Literal["float32", "bf16"] = "float32"
    teacher_precision: Literal["float32", "bf16"] | None = None
    scout_precision: Literal["float32", "bf16"] | None = None
    memory_format: Literal["channels_last", "contiguous"] = "channels_last"
    compile: bool = False
    capture: Literal["auto", True, False] = "auto"
    threads: int | None = None
    checkpoint_every: int = 1
    analysis: bool = True

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise Mistake(f"runtime.threads is {self.threads}; choose 1 or more, or null for all cores")
        if self.checkpoint_every < 1:
            raise Mistake(f"runtime.checkpoint_every is {self.checkpoint_every}; choose 1 or more epochs")
        place = self.place()  # a device that isn't there is found before anything is built
        if self.capture is True and place.type != "cuda":
            raise Mistake(f"runtime.capture is true, which needs a GPU, but this runs on {place}; choose auto or false")

    def place(self) -> torch.device:
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
        except RuntimeError:
            raise Mistake(f"runtime.device is {self.device!r}; choose auto, cpu, cuda or cuda:N") from None
        if device.type not in ("cpu", "cuda"):
            raise Mistake(f"runtime.device is {self.device!r}; choose auto, cpu, cuda or cuda:N")
        if device.type == "cuda":
            there = torch.cuda.device_count()
            if not there:
                raise Mistake(f"runtime.device is {self.device!r} but PyTorch finds no GPU here; choose auto or cpu")
            if device.index is not None and device.index >= there:
                raise Mistake(f"runtime.device is {self.device!r} but there are {there} GPUs, counted from 0")
        return device

    @property
    def precision_of_teacher(self) -> str:
        return self.teacher_precision or self.precision

    @property
    def scouts_otherwise(self) -> bool:
        """Whether the student looks in another precision than it learns in."""
        return self.scout_precision not in (None, self.precision)

    @property
    def captures(self) -> bool:
        """Whether the step is to become one CUDA graph."""
        return self.capture is not False and self.place().type == "cuda"

    def settle(self) -> None:
        """Set what PyTorch keeps for the whole process."""
        torch.set_float32_matmul_precision("high")  # TF32 where the GPU has it
        torch.backends.cudnn.benchmark = True  # every step has the same shapes
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        if self.place().type == "cpu":
            keep_freed_memory()

    def settled(self, network: nn.Module) -> nn.Module:
        layout = torch.channels_last if self.memory_format == "channels_last" else torch.contiguous_format
        network = network.to(self.place()).to(memory_format=layout)
        slow = self.place().type == "cpu" and self.precision == "bf16"
        return without_slow_kernels(network) if slow else network

    def autocast(self) -> AbstractContextManager[None]:
        return self._in(self.precision)

    def scouting(self) -> AbstractContextManager[None]:
        """Around the student's look at a batch, inside `autocast`."""
        return self._in(self.scout_precision or self.precision)

    def _in(self, precision: str) -> AbstractContextManager[None]:
        # No cache: older PyTorch keeps what it cast while scouting, without gradient, for the pass that learns.
        enabled = precision == "bf16"
        return torch.autocast(self.place().type, torch.bfloat16, enabled=enabled, cache_enabled=False)

    def hardware(self) -> str:
        device = self.place()
        if device.type == "cuda":
            return torch.cuda.get_device_name(device)
        threads = torch.get_num_threads()
        return f"{cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"
