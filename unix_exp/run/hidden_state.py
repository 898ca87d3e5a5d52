"""What a component keeps outside its state, where no checkpoint sees it."""

from __future__ import annotations

import pickle
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unix_exp.distillers.distiller import Distiller
from unix_exp.run.assemble import owners
from unix_exp.types import Mistake

OF_MODULES = set(vars(nn.Module()))  # parameters, buffers, children and hooks, which PyTorch looks after


def marks(method: Distiller) -> dict[tuple[str, str], Any]:
    """By owner and name, a mark of every value outside the state; it differs if the value changed."""
    found = {
        (owner, name): mark(value)
        for owner, thing in owners(method)
        for name, value in attributes(thing).items()
        if name not in OF_MODULES and not isinstance(value, nn.Module)
    }
    kept = set(method.state_dict(keep_vars=True))
    for name, buffer in method.named_buffers():
        owner, _, own = name.rpartition(".")
        if name not in kept and owner.partition(".")[0] not in method.roles:
            found[owner.replace("modules_by_name.", "") or "distiller", own] = mark(buffer)
    return found


def attributes(thing: object) -> dict[str, Any]:
    """An object's own, and those of its classes, where a counter may be kept too; PyTorch's classes are left out."""
    found: dict[str, Any] = {}
    for kind in reversed(type(thing).__mro__):
        if kind.__module__.partition(".")[0] not in ("builtins", "torch", "typing"):
            found |= {name: value for name, value in vars(kind).items() if not name.startswith("__")}
    return found | getattr(thing, "__dict__", {})


class SameTensor:
    """Equal to a mark of the same tensor, not written to since; it is kept, so that no other tensor gets its id."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor, self.version = tensor, tensor._version

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameTensor) and self.tensor is other.tensor and self.version == other.version


def mark(value: Any) -> Any:
    """Equal before and after a step if the value did not change: tensors by identity and version."""
    if isinstance(value, Tensor):
        return SameTensor(value)
    if isinstance(value, torch.Generator):
        return value.get_state().numpy().tobytes()
    if isinstance(value, Mapping):
        return [(repr(key), mark(one)) for key, one in value.items()]
    if isinstance(value, (list, tuple)):
        return [mark(one) for one in value]
    if callable(value):
        return id(value)
    try:
        return pickle.dumps(value)
    except Exception:  # a file or a lock, which is no state of a training
        return id(value)


def check(before: Mapping[tuple[str, str], Any], after: Mapping[tuple[str, str], Any]) -> None:
    """Refuse what changed: a continued run would be without it, and differ without an error."""
    for (owner, name), value in after.items():
        if before.get((owner, name)) != value:
            raise Mistake(
                f"{owner} changes '{name}' during a step but does not keep it in its state, so a continued run would "
                f"lose it; make it a tensor of an nn.Module: self.register_buffer('{name}', ...), changed in place"
            )


def host_generators() -> tuple[Any, ...]:
    """A mark of the random generators of Python and numpy, which do not follow a run's seed."""
    _, words, *rest = np.random.get_state(legacy=True)
    return random.getstate(), np.asarray(words).tobytes(), *rest


def check_generators(before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    if before != after:
        raise Mistake(
            "a step draws random numbers of Python or numpy, which do not follow the run's seed, so a continued run "
            "would draw others; draw with torch on the batch's device"
        )
