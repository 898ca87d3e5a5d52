"""Computation-efficient knowledge distillation: accuracy against what it cost to train.

The three functions build any registered component, for a notebook or a loop of your own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from unix_exp.types import Criterion, Sampler

__version__ = "0.1.0"
__all__ = ["criterion", "model", "sampler"]


def model(name: str, num_classes: int = 100, **settings: Any) -> nn.Module:
    """A network: called on images it gives an Output of logits, features (shallow to deep) and embedding."""
    from unix_exp.registry import models  # torch takes seconds to import; a command's --help imports this module too

    return models.make(name, settings, num_classes=num_classes)


def sampler(name: str, **settings: Any) -> Sampler:
    """What of a batch to learn from: called on a Batch and a scout it gives a Batch."""
    from unix_exp.registry import samplers

    return samplers.make(name, settings)


def criterion(name: str, **settings: Any) -> Criterion:
    """How far a student is from its teacher: called on two Outputs and a Batch it gives a scalar."""
    from unix_exp.registry import criteria

    return criteria.make(name, settings)
