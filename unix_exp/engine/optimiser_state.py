"""An optimiser's state in a checkpoint: the same for a captured step and an eager one, in any memory format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """A captured step's learning rate is a tensor; in a checkpoint it is a number, so either kind continues."""
    state: dict[str, Any] = optimiser.state_dict()
    for group in state["param_groups"]:
        group["lr"] = float(group["lr"])
    return state


def load_optimiser(optimiser: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    optimiser.load_state_dict(dict(state))
