"""What training on a CPU needs to be fast: memory that stays with the process, and no slow kernel."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn

CPUINFO = "/proc/cpuinfo"
BF16 = frozenset(("avx512_bf16", "avx_ne_convert", "amx_bf16", "bf16"))  # Linux's names; the last is ARM's

INT8 = frozenset(("avx512_vnni", "avx_vnni", "amx_int8"))  # on x86

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's names and numbers, malloc.h


def cpu_name() -> str:
    try:
        with open(CPUINFO) as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return "CPU"


def computes_bf16(told: str = CPUINFO) -> bool:
    """Whether the processor has instructions for bf16; without them PyTorch emulates it. True where nobody can tell."""
    known = instructions(told)
    return known is None or not BF16.isdisjoint(known)


def computes_int8(told: str = CPUINFO) -> bool:
    """Whether the processor multiplies whole numbers of 8 bits and adds in 32; older ones overflow in 16."""
    return not INT8.isdisjoint(instructions(told) or ())


def instructions(told: str) -> list[str] | None:
    """What the processor can do beyond its first instructions, in Linux's names; None where nobody can tell."""
    try:
        with open(told) as lines:
            return next(line.split(":", 1)[1].split() for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return None


def keep_freed_memory() -> None:
    """Let the process keep the memory that a step frees, for the next step.

    By default glibc returns large allocations to the system, which then has to find, clear and map the same pages again
    in every step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return  # another C library, or another allocator
    # Older glibc refuses more than 32 MiB. If both are refused, the trim threshold must stay as it is: setting it
    # alone turns off glibc's own adapting of both.
    if mallopt(M_MMAP_THRESHOLD, 2**30) or mallopt(M_MMAP_THRESHOLD, 2**25):
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def without_slow_kernels(network: nn.Module) -> nn.Module:
    """The same network, trained in float32 where oneDNN's bf16 kernel is slow.

    For the gradient with respect to the input of a strided depthwise convolution oneDNN chooses a kernel for dense
    convolutions (brgconv_strided), which takes 25 to 80 times as long as in float32 (PyTorch 2.15, AVX-512 with bf16).
    The few such layers of a mobile network took half of its training time.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d and module.groups == module.in_channels > 1 and max(module.stride) > 1:
            module.__class__ = LearnsInFloat32  # as PyTorch's parametrisations do: weights, hooks and name stay
    return network


class LearnsInFloat32(nn.Conv2d):
    """A convolution that ignores autocast while gradients are needed."""

    def forward(self, maps: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(maps)
        with torch.autocast("cpu", enabled=False):
            return super().forward(maps.float()).to(maps.dtype)
