"""A frozen network as a method asks it: after some of its stages, about smaller images."""

from __future__ import annotations

from torch import nn

from unix_exp.config import Settings
from unix_exp.models.early import EarlyExit
from unix_exp.models.smaller import see_smaller
from unix_exp.run.networks import setting_of


def as_asked(network: nn.Module, chosen: Settings, size: int, role: str) -> nn.Module:
    """The network by its settings; an exit's classifier has no weights yet that mean anything."""
    see_smaller(network, chosen.get("shrink"))
    stage = chosen.get("exit")
    return network if stage is None else EarlyExit(network, stage, size, setting_of(role))
