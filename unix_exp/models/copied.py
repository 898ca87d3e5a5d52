"""Copies of networks, made sooner."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, TypeVar

from torch import nn

AnyModule = TypeVar("AnyModule", bound=nn.Module)


def copied(module: AnyModule, known: dict[int, Any] | None = None) -> AnyModule:
    """A deep copy. `known` are copies that were made before, by the id() of each original, as deepcopy takes them."""
    return copy.deepcopy(module, {**dict(empty_tables(module)), **(known or {})})


def empty_tables(module: nn.Module) -> Iterator[tuple[int, Any]]:
    """Every module has a dozen tables of hooks, whose copying takes most of the time."""
    for part in module.modules():
        for table in vars(part).values():
            if type(table) is OrderedDict and not table:
                yield id(table), OrderedDict()
