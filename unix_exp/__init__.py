"""Computation-efficient knowledge distillation: accuracy against what it cost to train.

Three functions build a registered component, for a notebook or a loop of your own; `fit` is the command from Python,
and `load` gives a finished run's network back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from torch import nn

    from unix_exp.run.perform import Outcome
    from unix_exp.types import Criterion, Facts, Record, Sampler

__version__ = "1.0.0"
__all__ = ["criterion", "fit", "load", "model", "sampler"]


def model(name: str, num_classes: int = 100, **settings: Any) -> nn.Module:
    """A network: called on images it gives an Output of logits, features (shallow to deep) and embedding."""
    from unix_exp.registry import models  # torch takes seconds to import; a command's --help imports this module too

    made: nn.Module = models.make(name, settings, num_classes=num_classes)
    return made


def sampler(name: str, facts: Facts | None = None, **settings: Any) -> Sampler:
    """What of a batch to train on: called on a Batch and a scout it gives a Batch."""
    from unix_exp.registry import samplers

    made: Sampler = samplers.make(name, settings, facts=facts)
    return made


def criterion(name: str, facts: Facts | None = None, **settings: Any) -> Criterion:
    """How far a student is from its teacher: called on two Outputs and a Batch it gives a scalar.

    A criterion that has adapters needs `facts`, which knows the networks' widths.
    """
    from unix_exp.criteria.weighted import Scalar
    from unix_exp.registry import criteria

    made = criteria.make(name, settings, facts=facts)
    return Scalar(name, made)


def fit(*words: str) -> Generator[Record, None, Outcome]:
    """`python -m unix_exp.train WORDS` from Python: the same checks, folders and records, yielded epoch by epoch."""
    from unix_exp.cli.fit import fit as performing

    return performing(*words)


def load(run: str | Path, role: str = "student", logits: bool = False) -> nn.Module:
    """A finished run's student from its folder alone, in eval mode: images -> Output, or logits where they are asked.

    `role="teacher"` gives its teacher, where the file or the store still has it.
    """
    from unix_exp.run.load import load as loaded

    return loaded(run, role, logits)
