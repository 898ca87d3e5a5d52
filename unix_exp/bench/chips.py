"""What a GPU could do at most, and how much memory was used."""

from __future__ import annotations

import sys
from typing import NamedTuple

import torch


class Peak(NamedTuple):
    """TFLOP/s of the tensor cores on dense matrices; a multiply-add counts as two, as in data sheets."""

    tf32: float
    bf16: float


# From NVIDIA's data sheets, halved where they give the rate with sparsity. The whole name must match: a slice of a
# card, or a slower version of it, is another chip.
PEAKS = {
    "NVIDIA H200": Peak(494.7, 989.4),
    "NVIDIA H100 80GB HBM3": Peak(494.7, 989.4),
    "NVIDIA H100 PCIe": Peak(378.0, 756.0),
    "NVIDIA A100-SXM4-40GB": Peak(156.0, 312.0),
    "NVIDIA A100-SXM4-80GB": Peak(156.0, 312.0),
    "NVIDIA A100-PCIE-40GB": Peak(156.0, 312.0),
    "NVIDIA A100 80GB PCIe": Peak(156.0, 312.0),
    "NVIDIA L40S": Peak(183.0, 362.0),
    "NVIDIA L4": Peak(60.0, 121.0),
    "NVIDIA GeForce RTX 4090": Peak(82.6, 165.2),
    "NVIDIA GeForce RTX 3090": Peak(35.6, 71.0),
}


def peak_of(hardware: str, precision: str) -> float | None:
    """TFLOP/s in this precision; None for an unknown chip."""
    peak = PEAKS.get(hardware)
    return None if peak is None else peak.bf16 if precision == "bf16" else peak.tf32


def process_memory() -> int:
    """The most bytes that the process held, all contestants together."""
    import resource  # Windows has none, and the other commands need none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def bytes_on(device: torch.device) -> int:
    """Bytes in tensors on a GPU."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
