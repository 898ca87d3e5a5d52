"""What a CPU needs so as not to lose time."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's names and numbers, malloc.h


def cpu_name() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return "CPU"


def keep_freed_memory() -> None:
    """Let the process keep what a step frees for the next step.

    By itself glibc hands large pieces back to the system, which must find, clear and map the same pages again in every
    step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return  # another C library, or another allocator
    # Older glibc refuses more than 32 MiB. After a refusal the other setting would do harm: it ends glibc's adapting.
    if mallopt(M_MMAP_THRESHOLD, 2**30) or mallopt(M_MMAP_THRESHOLD, 2**25):
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def without_slow_kernels(network: nn.Module) -> nn.Module:
    """The same network, for learning in bf16.

    For one kind of layer oneDNN chooses badly: the gradient for the input of a depthwise convolution with a stride is
    left to a kernel for dense ones (brgconv_strided) and takes 25 to 80 times as long as in float32 (PyTorch 2.15,
    AVX-512 with bf16). The few of them in a network for phones took half of its learning.
    """
    for module in network.modules():
        if type(module) is nn.Conv2d and module.groups == module.in_channels > 1 and max(module.stride) > 1:
            module.__class__ = LearnsInFloat32  # as PyTorch's parametrisations do: weights, hooks and name stay
    return network


class LearnsInFloat32(nn.Conv2d):
    """A convolution that autocast leaves alone while gradients are wanted."""

    def forward(self, maps: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return super().forward(maps)
        with torch.autocast("cpu", enabled=False):
            return super().forward(maps.float()).to(maps.dtype)
