"""PyTorch's generators: how they are seeded, and their state in the middle of an epoch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def set_seed(number: int) -> None:
    """As torch.manual_seed does, which on a machine without a GPU writes down, and keeps, where it was called from.

    It does so for each kind of GPU that there might be, and takes a millisecond.
    """
    torch.default_generator.manual_seed(number)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(number)


def generators(device: torch.device) -> dict[str, Tensor]:
    """The states that the next step draws from, by the kind of their device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_generators(device: torch.device, states: Mapping[str, Tensor], seed: int) -> None:
    """Draw on from these states; a run that was on another kind of device gets a seed of its own for the rest."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        if "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], device)
        else:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
